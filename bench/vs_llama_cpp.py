#!/usr/bin/env python3
"""Tokens per second of hadal-model beside PyPI's llama-cpp-python, on the same file.

Runs both alternately, so that a change of the machine's load meets both, and prints the medians,
their spread and the ratio. Prompts are token ids made from the same formula on both sides.

  bench/vs_llama_cpp.py --model models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf --threads 2 \
      --python /path/to/venv/bin/python --json result.json

--python is an interpreter that can import llama_cpp. Beside each run stands the share of the CPU
that other processes used meanwhile; above --max-other-load (5 %) the figures are printed but no
verdict is given (exit code 3).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

STREAM_TOKENS = 32  # DecoderBenchOptions::stream_tokens
WORKS = ("prompt", "generation", "parallel")

# Runs inside --python. Prints one JSON line: {"prompt": t/s, "generation": t/s, "parallel": t/s}.
LLAMA_SIDE = r"""
import ctypes, json, sys, time
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
longest = max(o["prompt"], 16 + o["generate"], 16 + o["stream_tokens"])
def context(streams):
    c = llama_cpp.llama_context_default_params()
    c.n_ctx = (longest + 256) * streams
    c.n_batch = c.n_ubatch = max(o["prompt"], 16 * streams)
    c.n_threads = c.n_threads_batch = o["threads"]
    c.n_seq_max = streams
    made = llama_cpp.llama_init_from_model(model, c)
    assert made, "llama.cpp cannot make a context"
    return made
def token(i):
    mixed = ((i + 1) * 0x9E3779B97F4A7C15) % (1 << 64)
    return (mixed >> 33) % vocabulary
batch = llama_cpp.llama_batch_init(max(o["prompt"], 16 * o["streams"]), 0, 1)
def put(rows):
    batch.n_tokens = len(rows)
    for i, (tok, pos, seq, want) in enumerate(rows):
        batch.token[i], batch.pos[i], batch.n_seq_id[i] = tok, pos, 1
        batch.seq_id[i][0], batch.logits[i] = seq, want
def decode(ctx, rows):
    put(rows)
    assert llama_cpp.llama_decode(ctx, batch) == 0, "llama_decode failed"
    llama_cpp.llama_synchronize(ctx)
def clear(ctx):
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(ctx), True)
def prompt(ctx):
    clear(ctx)
    start = time.perf_counter()
    decode(ctx, [(token(i), i, 0, i == o["prompt"] - 1) for i in range(o["prompt"])])
    return o["prompt"] / (time.perf_counter() - start)
def generate(ctx, streams, count):
    clear(ctx)
    decode(ctx, [(token(s * 16 + i), i, s, i == 15) for s in range(streams) for i in range(16)])
    start = time.perf_counter()
    for step in range(count):
        decode(ctx, [(token(1000 + step * streams + s), 16 + step, s, True)
                     for s in range(streams)])
    return streams * count / (time.perf_counter() - start)
one, many = context(1), context(o["streams"])
generate(one, 1, 1)
print(json.dumps({"prompt": prompt(one), "generation": generate(one, 1, o["generate"]),
                  "parallel": generate(many, o["streams"], o["stream_tokens"])}))
"""


def cpu_times():
    """Busy jiffies of the machine, and their sum with the idle ones."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(x) for x in file.readline().split()[1:9]]
    idle = fields[3] + fields[4]
    return sum(fields) - idle, sum(fields)


def run(command):
    """The JSON a command printed last, and the share of the machine other processes used."""
    busy_before, all_before = cpu_times()
    own_before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    own_after = os.times()
    busy_after, all_after = cpu_times()
    if done.returncode != 0:
        hint = ""
        if done.returncode == -11:
            hint = "\n(a crash of llama.cpp in its AMX code: try --no-extra-buffers)"
        sys.exit(f"{command[0]} failed with {done.returncode}: {done.stderr.strip()[-2000:]}{hint}")
    own = (own_after.children_user + own_after.children_system - own_before.children_user
           - own_before.children_system) * os.sysconf("SC_CLK_TCK")
    elapsed = max(1, all_after - all_before)
    other = max(0.0, (busy_after - busy_before - own) / elapsed)
    return json.loads(done.stdout.strip().splitlines()[-1]), other


def ours_command(args):
    return [args.hadal_model, "bench", args.model, "--threads", str(args.threads), "--json",
            "--prompt", str(args.prompt), "--gen", str(args.generate),
            "--streams", str(args.streams), "--repeats", "1"]


def theirs_command(args):
    options = {"model": args.model, "threads": args.threads, "prompt": args.prompt,
               "generate": args.generate, "streams": args.streams,
               "stream_tokens": STREAM_TOKENS,
               "extra_buffers": not args.no_extra_buffers}
    return [args.python, "-c", LLAMA_SIDE, json.dumps(options)]


def spread(values):
    """Half the range around the median, in per cent of it."""
    return 100 * (max(values) - min(values)) / 2 / statistics.median(values)


def summarise(ours, theirs):
    rows = {}
    for work in WORKS:
        a, b = [r[work] for r in ours], [r[work] for r in theirs]
        rows[work] = {"ours": statistics.median(a), "ours_spread_percent": spread(a),
                      "llama_cpp": statistics.median(b), "llama_cpp_spread_percent": spread(b),
                      "ratio": statistics.median(a) / statistics.median(b)}
    return rows


def print_table(rows, loads):
    print(f"{'work':<12}{'ours t/s':>12}{'±%':>6}{'llama.cpp t/s':>16}{'±%':>6}{'ratio':>8}")
    for work, r in rows.items():
        print(f"{work:<12}{r['ours']:>12.1f}{r['ours_spread_percent']:>6.0f}"
              f"{r['llama_cpp']:>16.1f}{r['llama_cpp_spread_percent']:>6.0f}{r['ratio']:>8.2f}")
    print("CPU used by others: " + ", ".join(f"{100 * x:.0f} %" for x in loads))


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--python", default=sys.executable, help="interpreter with llama_cpp")
    parser.add_argument("--hadal-model", default="build/release/bin/hadal-model")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-other-load", type=float, default=0.05)
    parser.add_argument("--no-extra-buffers", action="store_true",
                        help="llama.cpp without its AMX and repacked buffers: with them it crashes "
                             "where the CPU announces AMX but the system refuses it")
    parser.add_argument("--json", metavar="FILE", help="writes figures of every run")
    return parser.parse_args()


def main():
    args = parse_args()
    ours, theirs, loads = [], [], []
    for _ in range(args.rounds):
        figures, load = run(ours_command(args))
        ours.append({work: figures[f"{work}_tokens_per_second"] for work in WORKS})
        loads.append(load)
        figures, load = run(theirs_command(args))
        theirs.append(figures)
        loads.append(load)
    rows = summarise(ours, theirs)
    print_table(rows, loads)
    quiet = max(loads) <= args.max_other_load
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"date": time.strftime("%Y-%m-%d", time.gmtime()), "model": args.model,
                       "threads": args.threads, "rounds": args.rounds, "result": rows,
                       "ours": ours, "llama_cpp": theirs, "other_load": loads,
                       "verdict_allowed": quiet}, file, indent=1)
    if not quiet:
        print(f"no verdict: others used more than {100 * args.max_other_load:.0f} % of the CPU; "
              "run it again on an idle machine", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
