#!/usr/bin/env python3
"""Generation while another process keeps one core busy, beside the same on an idle machine: ours
and llama.cpp's. An engine whose threads wait for each other at barriers waits for the one that the
other process preempts; an engine whose threads claim small pieces of work loses that share only.

  bench/busy_core.py --model model.gguf --threads 2 --python VENV/bin/python

Idle and busy runs alternate, and so do the engines; a round's ratio is busy ÷ idle. Exit code 3,
without a verdict, when processes that are not ours used more than --max-other-load of the CPU;
1 when our median ratio is below --at-least.
"""

import contextlib
import os
import statistics
import subprocess
import sys

import measuring
import vs_llama_cpp

BUSY = "while True: pass"


@contextlib.contextmanager
def busy_core(core):
    """A process that does nothing but run on `core`."""
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        os.sched_setaffinity(process.pid, {core})
        yield process
    finally:
        process.kill()
        process.wait()


def process_seconds(pid):
    """CPU time of a process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def generation(measure, args):
    """Tokens per second, and the share of the CPU that neither we nor the busy process used."""
    figures, others = measure(args)
    return figures["generation"], max(others)


def generation_beside_busy(measure, args):
    with busy_core(args.core) as process:
        all_before, busy_before = measuring.cpu_seconds()[1], process_seconds(process.pid)
        speed, other = generation(measure, args)
        share = ((process_seconds(process.pid) - busy_before)
                 / max(0.01, measuring.cpu_seconds()[1] - all_before))
    return speed, max(0.0, other - share)


def parse_args():
    parser = measuring.parser(__doc__)
    measuring.add_rounds(parser)
    measuring.add_llama_cpp(parser, help="interpreter with llama_cpp; without: ours alone")
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--core", type=int, default=0, help="the one that is kept busy")
    parser.add_argument("--at-least", type=float, default=0.45, help="of our ratio")
    args = parser.parse_args()
    if args.core not in os.sched_getaffinity(0):
        parser.error(f"--core {args.core}: expected one of {sorted(os.sched_getaffinity(0))}")
    measuring.find_paths(parser, args, "model", "hadal_model", "python")
    # What vs_llama_cpp runs beside generation, as little as it can be.
    args.prompt, args.streams, args.ubatch, args.same_text = [16], [1], 512, False
    return args


def main():
    args = parse_args()
    engines = {"ours": vs_llama_cpp.ours}
    if args.python:
        engines["llama.cpp"] = vs_llama_cpp.llama_cpp_python
    found = {engine: [] for engine in engines}
    loads = []
    for _ in range(args.rounds):
        for engine, measure in engines.items():
            idle, idle_load = generation(measure, args)
            busy, busy_load = generation_beside_busy(measure, args)
            found[engine].append({"idle": idle, "busy": busy, "ratio": busy / idle})
            loads += [idle_load, busy_load]
    print(f"{'engine':<12}{'idle t/s':>10}{'busy t/s':>10}{'busy ÷ idle':>13}{'range':>14}")
    for engine, rounds in found.items():
        median = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
        ratios = [r["ratio"] for r in rounds]
        print(f"{engine:<12}{median['idle']:>10.1f}{median['busy']:>10.1f}{median['ratio']:>13.2f}"
              f"{measuring.span(ratios):>14}")
    if not measuring.finish(args, loads, rounds=found):
        return measuring.NO_VERDICT
    return int(statistics.median(r["ratio"] for r in found["ours"]) < args.at_least)


if __name__ == "__main__":
    sys.exit(main())
