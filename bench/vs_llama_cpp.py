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
before those of a stream. What is each side's own: we run a prompt in one pass, with latent attention
expanded from 512 tokens on (hadal-model bench --expanded-prefill); peers get batches of
the whole prompt, computed --ubatch tokens at a time (512 is their default; take what is best for
them). llama-bench generates after an empty context, the others after 16 tokens. Some
llama-batched-bench (ik_llama.cpp's) give every stream the same token, which in a model with experts
reads fewer of them than the different texts of our streams do: --same-text compares alike.

Beside each run stands the share of the CPU that other processes used meanwhile; above
--max-other-load (5 %) the figures are printed but no verdict is given (exit code 3).
"""

import json
import shlex
import statistics
import sys

import measuring

STREAM_TOKENS = 32  # DecoderBenchOptions::stream_tokens
SHORT_PROMPT = 16   # before generated tokens

# Behind measuring.LLAMA_CPP. Prints one JSON line: tokens per second by work.
LLAMA_SIDE = r"""
short = o["short_prompt"]
longest = max(*o["prompts"], short + o["generate"], short + o["stream_tokens"])
rows_at_once = max(*o["prompts"], short * max(o["streams"]))
def token(i):
    mixed = ((i + 1) * 0x9E3779B97F4A7C15) % (1 << 64)
    return (mixed >> 33) % vocabulary
def begin(streams):
    return context((longest + 256) * streams, rows_at_once, o["ubatch"], streams)
batch = llama_cpp.llama_batch_init(rows_at_once, 0, 1)
def prompt(ctx, length):
    clear(ctx)
    start = time.perf_counter()
    decode(ctx, batch, [(token(i), i, 0, i == length - 1) for i in range(length)])
    return length / (time.perf_counter() - start)
def generate(ctx, streams, count):
    clear(ctx)
    text = [0 if o["same_text"] else s for s in range(streams)]
    decode(ctx, batch, [(token(text[s] * short + i), i, s, i == short - 1)
                        for s in range(streams) for i in range(short)])
    start = time.perf_counter()
    for step in range(count):
        decode(ctx, batch, [(token(1000 + step * streams + text[s]), short + step, s, True)
                            for s in range(streams)])
    return streams * count / (time.perf_counter() - start)
one = begin(1)
generate(one, 1, 1)
result = {"prompt %d" % n: prompt(one, n) for n in o["prompts"]}
result["generation"] = generate(one, 1, o["generate"])
for n in o["streams"]:
    many = begin(n)
    result["streams %d" % n] = generate(many, n, o["stream_tokens"])
    llama_cpp.llama_free(many)
print(json.dumps(result))
"""


def repeated(option, values):
    return [part for value in values for part in (option, str(value))]


def joined(values):
    return ",".join(str(v) for v in values)


def ours(args):
    """Figures by work, and the shares of the CPU that others used."""
    same_text = ["--same-text"] if args.same_text else []
    ran = measuring.run([
        args.hadal_model, "bench", args.model, "--threads", str(args.threads), "--json",
        *repeated("--prompt", args.prompt), "--gen", str(args.generate),
        *repeated("--streams", args.streams), *same_text, "--repeats", "1"])
    found = json.loads(ran.out)
    figures = {f"prompt {row['tokens']}": row["tokens_per_second"] for row in found["prompts"]}
    figures["generation"] = found["generation"]["tokens_per_second"]
    figures |= {f"streams {row['streams']}": row["tokens_per_second"] for row in found["streams"]}
    return figures, [ran.others]


def llama_cpp_python(args):
    ran = measuring.run_llama_cpp(args, LLAMA_SIDE, args.model, prompts=args.prompt,
                                  generate=args.generate, streams=args.streams,
                                  ubatch=args.ubatch, same_text=args.same_text,
                                  stream_tokens=STREAM_TOKENS, short_prompt=SHORT_PROMPT)
    return json.loads(ran.out.strip().splitlines()[-1]), [ran.others]


def llama_bench(args):
    """One repetition of each test; the program itself warms up."""
    ran = measuring.run([args.llama_bench, "-m", args.model, "-t", str(args.threads),
                         "-p", joined(args.prompt), "-n", str(args.generate),
                         "-b", str(max(args.prompt)), "-ub", str(args.ubatch), "-r", "1",
                         "-o", "json", *shlex.split(args.llama_bench_args)])
    figures = {}
    for test in json.loads(ran.out[ran.out.index("["):]):
        prompt = test["n_prompt"] > 0
        figures[f"prompt {test['n_prompt']}" if prompt else "generation"] = test["avg_ts"]
    return figures, ran.others


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
    ran = measuring.run([args.batched_bench, "-m", args.model, "-t", str(args.threads),
                         "-c", str(context), "-b", "2048", "-ub", str(args.ubatch),
                         "-npp", str(SHORT_PROMPT), "-ntg", str(STREAM_TOKENS),
                         "-npl", joined(args.streams), *shlex.split(args.batched_bench_args)])
    printed = ran.out + "\n" + ran.err
    figures = {f"streams {n}": speed for n, speed in batched_rows(printed)}
    if missing := [n for n in args.streams if f"streams {n}" not in figures]:
        sys.exit(f"{args.batched_bench}: no row for {joined(missing)} streams in its output; "
                 f"expected its table or JSON lines, found:\n{printed[-2000:]}")
    return figures, ran.others


def bench_programs(args):
    figures, others = {}, []
    for program, path in ((llama_bench, args.llama_bench), (batched_bench, args.batched_bench)):
        if path:
            found, other = program(args)
            figures |= found
            others.append(other)
    return figures, others


def summarise(rounds, works):
    """By work and engine: median and spread; for peers, ours ÷ theirs round by round."""
    rows = {}
    for work in works:
        rows[work] = {}
        for engine in rounds[0]:
            values = [r[engine][work] for r in rounds if work in r[engine]]
            if not values:
                continue
            row = {"median": statistics.median(values), "spread_percent": measuring.spread(values)}
            if engine != "ours":
                ratios = [r["ours"][work] / r[engine][work] for r in rounds]
                row |= {"ratio": statistics.median(ratios), "ratio_min": min(ratios),
                        "ratio_max": max(ratios)}
            rows[work][engine] = row
    return rows


def print_table(rows):
    print(f"{'work':<14}{'engine':<18}{'t/s':>9}{'±%':>6}{'ours ÷ it':>11}{'range':>14}")
    for work, engines in rows.items():
        for engine, r in engines.items():
            line = f"{work:<14}{engine:<18}{r['median']:>9.1f}{r['spread_percent']:>6.0f}"
            if "ratio" in r:
                between = f"{r['ratio_min']:.2f}–{r['ratio_max']:.2f}"
                line += f"{r['ratio']:>11.2f}{between:>14}"
            print(line)


def parse_args():
    parser = measuring.parser(__doc__)
    measuring.add_rounds(parser)
    measuring.add_llama_cpp(parser, help="interpreter with llama_cpp")
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--llama-bench", metavar="PATH", help="prompts and generation of a peer")
    parser.add_argument("--llama-bench-args", default="", metavar="ARGS")
    parser.add_argument("--batched-bench", metavar="PATH", help="streams of the same peer")
    parser.add_argument("--batched-bench-args", default="", metavar="ARGS")
    parser.add_argument("--peer-name", default="llama-bench", help="what to call that peer")
    parser.add_argument("--prompt", type=int, action="append", help="tokens; several times (512)")
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--streams", type=int, action="append", help="several times (8)")
    parser.add_argument("--same-text", action="store_true",
                        help="all streams, ours and llama_cpp's, have the same text")
    parser.add_argument("--ubatch", type=int, default=512, help="rows that peers compute at once")
    args = parser.parse_args()
    args.prompt, args.streams = args.prompt or [512], args.streams or [8]
    if not (args.python or args.llama_bench or args.batched_bench):
        parser.error("nothing to compare with: give --python, --llama-bench or --batched-bench")
    measuring.find_paths(parser, args, "model", "hadal_model", "python", "llama_bench",
                         "batched_bench")
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
    print_table(rows)
    quiet = measuring.finish(
        args, loads, ubatch=args.ubatch, same_text=args.same_text,
        llama_bench_args=args.llama_bench_args, batched_bench_args=args.batched_bench_args,
        result=rows, rounds=rounds)
    return 0 if quiet else measuring.NO_VERDICT


if __name__ == "__main__":
    sys.exit(main())
