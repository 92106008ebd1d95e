#!/usr/bin/env python3
"""Tokens per second of hadal-model beside other engines, on the same file.

Peers: PyPI's llama-cpp-python (--python: an interpreter that can import llama_cpp), and any engine
with programs like llama-bench (prompts, generation) and llama-batched-bench (streams), such as
ik_llama.cpp. All run alternately, so that a change of the machine's load meets all, and the medians,
their spread and the ratios of the rounds are printed.

  bench/vs_llama_cpp.py --model model.gguf --threads 2 --prompt 512 --prompt 2048 --streams 8 \\
      --streams 16 --python VENV/bin/python --json result.json \\
      --llama-bench IK/bin/llama-bench --llama-bench-args "-rtr 1 -fa 1" \\
      --batched-bench IK/bin/llama-batched-bench --batched-bench-args "-rtr -fa"

What is the same on all sides: file, threads, lengths of prompts, tokens generated, streams, 16 tokens
before those of a stream. What is each side's own: we run a prompt in one pass; peers get batches of
the whole prompt, computed --ubatch tokens at a time (512 is their default; take what is best for
them). llama-bench generates after an empty context, the others after 16 tokens. Some
llama-batched-bench give every stream the same token, which in a model with experts reads fewer of
them than streams of different texts do.

Beside each run stands the share of the CPU that other processes used meanwhile; above
--max-other-load (5 %) the figures are printed but no verdict is given (exit code 3).
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

STREAM_TOKENS = 32  # DecoderBenchOptions::stream_tokens
SHORT_PROMPT = 16   # before generated tokens

# Runs inside --python. Prints one JSON line: tokens per second by work.
LLAMA_SIDE = r"""
import json, sys, time
import llama_cpp
o = json.loads(sys.argv[1])
llama_cpp.llama_backend_init()
silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
llama_cpp.llama_log_set(silent, None)
params = llama_cpp.llama_model_default_params()
params.use_extra_bufts = o["extra_buffers"]
model = llama_cpp.llama_model_load_from_file(o["model"].encode(), params)
assert model, "llama.cpp cannot load " + o["model"]
vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
short = o["short_prompt"]
longest = max(*o["prompts"], short + o["generate"], short + o["stream_tokens"])
rows_at_once = max(*o["prompts"], short * max(o["streams"]))
def context(streams):
    c = llama_cpp.llama_context_default_params()
    c.n_ctx = (longest + 256) * streams
    c.n_batch, c.n_ubatch = rows_at_once, o["ubatch"]
    c.n_threads = c.n_threads_batch = o["threads"]
    c.n_seq_max = streams
    made = llama_cpp.llama_init_from_model(model, c)
    assert made, "llama.cpp cannot make a context"
    return made
def token(i):
    mixed = ((i + 1) * 0x9E3779B97F4A7C15) % (1 << 64)
    return (mixed >> 33) % vocabulary
batch = llama_cpp.llama_batch_init(rows_at_once, 0, 1)
def decode(ctx, rows):
    batch.n_tokens = len(rows)
    for i, (tok, pos, seq, want) in enumerate(rows):
        batch.token[i], batch.pos[i], batch.n_seq_id[i] = tok, pos, 1
        batch.seq_id[i][0], batch.logits[i] = seq, want
    assert llama_cpp.llama_decode(ctx, batch) == 0, "llama_decode failed"
    llama_cpp.llama_synchronize(ctx)
def clear(ctx):
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(ctx), True)
def prompt(ctx, length):
    clear(ctx)
    start = time.perf_counter()
    decode(ctx, [(token(i), i, 0, i == length - 1) for i in range(length)])
    return length / (time.perf_counter() - start)
def generate(ctx, streams, count):
    clear(ctx)
    decode(ctx, [(token(s * short + i), i, s, i == short - 1)
                 for s in range(streams) for i in range(short)])
    start = time.perf_counter()
    for step in range(count):
        decode(ctx, [(token(1000 + step * streams + s), short + step, s, True)
                     for s in range(streams)])
    return streams * count / (time.perf_counter() - start)
one = context(1)
generate(one, 1, 1)
result = {"prompt %d" % n: prompt(one, n) for n in o["prompts"]}
result["generation"] = generate(one, 1, o["generate"])
for n in o["streams"]:
    many = context(n)
    result["streams %d" % n] = generate(many, n, o["stream_tokens"])
    llama_cpp.llama_free(many)
print(json.dumps(result))
"""


def cpu_times():
    """Busy jiffies of the machine, and their sum with the idle ones."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(x) for x in file.readline().split()[1:9]]
    idle = fields[3] + fields[4]
    return sum(fields) - idle, sum(fields)


def run(command):
    """What a command printed (both streams), and the share of the machine other processes used."""
    busy_before, all_before = cpu_times()
    own_before = os.times()
    with tempfile.TemporaryDirectory() as folder:  # some write logs where they stand
        done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                              check=False, cwd=folder)
    own_after = os.times()
    busy_after, all_after = cpu_times()
    if done.returncode != 0:
        hint = ""
        if done.returncode == -11:
            hint = "\n(llama.cpp built by GCC 12 crashes in its AMX code: " \
                   "docs/measurements/engine-speed.md says how to build it)"
        sys.exit(f"{command[0]} failed with {done.returncode}: {done.stderr.strip()[-2000:]}{hint}")
    own = (own_after.children_user + own_after.children_system - own_before.children_user
           - own_before.children_system) * os.sysconf("SC_CLK_TCK")
    elapsed = max(1, all_after - all_before)
    other = min(1.0, max(0.0, (busy_after - busy_before - own) / elapsed))
    return done.stdout, done.stderr, other


def repeated(option, values):
    return [part for value in values for part in (option, str(value))]


def joined(values):
    return ",".join(str(v) for v in values)


def ours(args):
    """Figures by work, and the shares of the CPU that others used."""
    out, _, other = run([args.hadal_model, "bench", args.model, "--threads", str(args.threads),
                         "--json", *repeated("--prompt", args.prompt), "--gen", str(args.generate),
                         *repeated("--streams", args.streams), "--repeats", "1"])
    found = json.loads(out)
    figures = {f"prompt {row['tokens']}": row["tokens_per_second"] for row in found["prompts"]}
    figures["generation"] = found["generation"]["tokens_per_second"]
    figures |= {f"streams {row['streams']}": row["tokens_per_second"] for row in found["streams"]}
    return figures, [other]


def llama_cpp_python(args):
    options = {"model": args.model, "threads": args.threads, "prompts": args.prompt,
               "generate": args.generate, "streams": args.streams, "ubatch": args.ubatch,
               "stream_tokens": STREAM_TOKENS, "short_prompt": SHORT_PROMPT,
               "extra_buffers": not args.no_extra_buffers}
    out, _, other = run([args.python, "-c", LLAMA_SIDE, json.dumps(options)])
    return json.loads(out.strip().splitlines()[-1]), [other]


def llama_bench(args):
    """One repetition of each test; the program itself warms up."""
    out, _, other = run([args.llama_bench, "-m", args.model, "-t", str(args.threads),
                         "-p", joined(args.prompt), "-n", str(args.generate),
                         "-b", str(max(args.prompt)), "-ub", str(args.ubatch), "-r", "1",
                         "-o", "json", *shlex.split(args.llama_bench_args)])
    figures = {}
    for test in json.loads(out[out.index("["):]):
        prompt = test["n_prompt"] > 0
        figures[f"prompt {test['n_prompt']}" if prompt else "generation"] = test["avg_ts"]
    return figures, other


def batched_rows(text):
    """(streams, generated tokens per second) of llama-batched-bench's JSON lines or table."""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("{"):
            row = json.loads(line)
            yield int(row["pl"]), float(row["speed_tg"])
        elif line.startswith("|"):
            cells = [c.strip() for c in line.strip("|").split("|")]
            if cells[0].isdigit():  # PP, TG, B, N_KV, T_PP, S_PP, T_TG, S_TG, T, S
                yield int(cells[2]), float(cells[7])


def batched_bench(args):
    context = max(args.streams) * (SHORT_PROMPT + STREAM_TOKENS)
    out, err, other = run([args.batched_bench, "-m", args.model, "-t", str(args.threads),
                           "-c", str(context), "-b", "2048", "-ub", str(args.ubatch),
                           "-npp", str(SHORT_PROMPT), "-ntg", str(STREAM_TOKENS),
                           "-npl", joined(args.streams), *shlex.split(args.batched_bench_args)])
    figures = {f"streams {n}": speed for n, speed in batched_rows(out + "\n" + err)}
    if missing := [n for n in args.streams if f"streams {n}" not in figures]:
        sys.exit(f"{args.batched_bench}: no row for {joined(missing)} streams in its output; "
                 f"expected its table or JSON lines, found:\n{(out + err)[-2000:]}")
    return figures, other


def bench_programs(args):
    figures, others = {}, []
    for program, path in ((llama_bench, args.llama_bench), (batched_bench, args.batched_bench)):
        if path:
            found, other = program(args)
            figures |= found
            others.append(other)
    return figures, others


def spread(values):
    """Half the range around the median, in per cent of it."""
    return 100 * (max(values) - min(values)) / 2 / statistics.median(values)


def summarise(rounds, works):
    """By work and engine: median and spread; for peers, ours ÷ theirs round by round."""
    rows = {}
    for work in works:
        rows[work] = {}
        for engine in rounds[0]:
            values = [r[engine][work] for r in rounds if work in r[engine]]
            if not values:
                continue
            row = {"median": statistics.median(values), "spread_percent": spread(values)}
            if engine != "ours":
                ratios = [r["ours"][work] / r[engine][work] for r in rounds]
                row |= {"ratio": statistics.median(ratios), "ratio_min": min(ratios),
                        "ratio_max": max(ratios)}
            rows[work][engine] = row
    return rows


def print_table(rows, loads):
    print(f"{'work':<14}{'engine':<18}{'t/s':>9}{'±%':>6}{'ours ÷ it':>11}{'range':>14}")
    for work, engines in rows.items():
        for engine, r in engines.items():
            line = f"{work:<14}{engine:<18}{r['median']:>9.1f}{r['spread_percent']:>6.0f}"
            if "ratio" in r:
                between = f"{r['ratio_min']:.2f}–{r['ratio_max']:.2f}"
                line += f"{r['ratio']:>11.2f}{between:>14}"
            print(line)
    print("CPU used by others: " + ", ".join(f"{100 * x:.0f} %" for x in loads))


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--hadal-model", default="build/release/bin/hadal-model")
    parser.add_argument("--python", help="interpreter with llama_cpp")
    parser.add_argument("--no-extra-buffers", action="store_true",
                        help="llama_cpp without its AMX and repacked buffers")
    parser.add_argument("--llama-bench", metavar="PATH", help="prompts and generation of a peer")
    parser.add_argument("--llama-bench-args", default="", metavar="ARGS")
    parser.add_argument("--batched-bench", metavar="PATH", help="streams of the same peer")
    parser.add_argument("--batched-bench-args", default="", metavar="ARGS")
    parser.add_argument("--peer-name", default="llama-bench", help="what to call that peer")
    parser.add_argument("--prompt", type=int, action="append", help="tokens; several times (512)")
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--streams", type=int, action="append", help="several times (8)")
    parser.add_argument("--ubatch", type=int, default=512, help="rows that peers compute at once")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-other-load", type=float, default=0.05)
    parser.add_argument("--json", metavar="FILE", help="writes figures of every run")
    args = parser.parse_args()
    args.prompt, args.streams = args.prompt or [512], args.streams or [8]
    if not (args.python or args.llama_bench or args.batched_bench):
        parser.error("nothing to compare with: give --python, --llama-bench or --batched-bench")
    for name in ("model", "hadal_model", "python", "llama_bench", "batched_bench"):
        path = getattr(args, name)
        if path:
            if not os.path.exists(path):
                parser.error(f"--{name.replace('_', '-')}: {path} does not exist")
            setattr(args, name, os.path.abspath(path))  # commands run in folders of their own
    return args


def main():
    args = parse_args()
    engines = {"ours": ours}
    if args.python:
        engines["llama.cpp"] = llama_cpp_python
    if args.llama_bench or args.batched_bench:
        engines[args.peer_name] = bench_programs
    works = ([f"prompt {n}" for n in args.prompt] + ["generation"]
             + [f"streams {n}" for n in args.streams])
    rounds, loads = [], []
    for _ in range(args.rounds):
        rounds.append({})
        for engine, measure in engines.items():
            rounds[-1][engine], others = measure(args)
            loads += others
    rows = summarise(rounds, works)
    print_table(rows, loads)
    quiet = max(loads) <= args.max_other_load
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"date": time.strftime("%Y-%m-%d", time.gmtime()), "model": args.model,
                       "threads": args.threads, "ubatch": args.ubatch,
                       "llama_bench_args": args.llama_bench_args,
                       "batched_bench_args": args.batched_bench_args, "result": rows,
                       "rounds": rounds, "other_load": loads, "verdict_allowed": quiet},
                      file, indent=1, ensure_ascii=False)
    if not quiet:
        print(f"no verdict: others used more than {100 * args.max_other_load:.0f} % of the CPU; "
              "run it again on an idle machine", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
