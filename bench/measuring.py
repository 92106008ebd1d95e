"""What the measuring scripts share: arguments, runs beside which the share of the CPU that others used
is read, medians and spreads, the rule that a busy machine gives no verdict, the file of figures, and
how llama-cpp-python is run.

Runs of different engines alternate, so that a change of the machine's load meets all of them.
"""

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

NO_VERDICT = 3  # exit code

# Begins what runs inside --python: `o` are the options, `model` is loaded.
LLAMA_CPP = r"""
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
def context(positions, rows_at_once, ubatch, streams=1):
    c = llama_cpp.llama_context_default_params()
    c.n_ctx = positions
    c.n_batch, c.n_ubatch = rows_at_once, ubatch
    c.n_threads = c.n_threads_batch = o["threads"]
    c.n_seq_max = streams
    made = llama_cpp.llama_init_from_model(model, c)
    assert made, "llama.cpp cannot make a context"
    return made
def clear(ctx):
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(ctx), True)
def decode(ctx, batch, rows):
    batch.n_tokens = len(rows)
    for i, (tok, pos, seq, want) in enumerate(rows):
        batch.token[i], batch.pos[i], batch.n_seq_id[i] = tok, pos, 1
        batch.seq_id[i][0], batch.logits[i] = seq, want
    assert llama_cpp.llama_decode(ctx, batch) == 0, "llama_decode failed"
    llama_cpp.llama_synchronize(ctx)
"""


# ---- arguments ----------------------------------------------------------------------------------

def parser(description):
    """What every script takes that runs hadal-model."""
    made = argparse.ArgumentParser(description=description,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--hadal-model", default="build/release/bin/hadal-model")
    made.add_argument("--json", metavar="FILE", help="writes all figures")
    return made


def add_rounds(to):
    """For finish()."""
    to.add_argument("--rounds", type=int, default=5, help="alternating; medians are shown")
    to.add_argument("--max-other-load", type=float, default=0.05, metavar="SHARE",
                    help="of the CPU; no verdict when others used more")


def add_llama_cpp(to, **python):
    """For run_llama_cpp()."""
    to.add_argument("--python", **python)
    to.add_argument("--no-extra-buffers", action="store_true",
                    help="llama_cpp without its AMX and repacked buffers")


def find_paths(to, args, *names):
    """Makes the paths of those options absolute, for commands run in folders of their own; wrong
    usage where one does not exist."""
    for name in names:
        path = getattr(args, name)
        if not path:
            continue
        if not os.path.exists(path):
            to.error(f"--{name.replace('_', '-')}: {path} does not exist")
        setattr(args, name, os.path.abspath(path))


# ---- runs ---------------------------------------------------------------------------------------

def cpu_seconds():
    """Of the whole machine: busy, and busy or idle."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(x) / os.sysconf("SC_CLK_TCK") for x in file.readline().split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def children_seconds():
    """CPU time of this process's children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


class OtherLoad:
    """The share of the machine's CPU that others use from here on."""

    def __init__(self):
        self.busy, self.all = cpu_seconds()

    def share(self, own):
        """Until now; `own` are CPU seconds that do not count."""
        busy, everything = cpu_seconds()
        return min(1.0, max(0.0, (busy - self.busy - own) / max(0.01, everything - self.all)))


Ran = collections.namedtuple("Ran", "out err others")


def run(command):
    """What a command printed, and the share of the CPU that others used. It stands in a folder of
    its own, since some write logs where they stand: paths must be absolute (find_paths). Ends the
    script when the command fails."""
    load, before = OtherLoad(), children_seconds()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                              check=False, cwd=folder)
    others = load.share(children_seconds() - before)
    if done.returncode != 0:
        hint = ""
        if done.returncode == -11:
            hint = "\n(llama.cpp built by GCC 12 crashes in its AMX code: " \
                   "docs/measurements/engine-speed.md says how to build it)"
        sys.exit(f"{command[0]} failed with {done.returncode}: {done.stderr.strip()[-2000:]}{hint}")
    return Ran(done.stdout, done.stderr, others)


def run_llama_cpp(args, script, model, **options):
    """Runs `script` behind LLAMA_CPP in the interpreter --python."""
    options |= {"model": model, "threads": args.threads,
                "extra_buffers": not args.no_extra_buffers}
    return run([args.python, "-c", LLAMA_CPP + script, json.dumps(options)])


# ---- texts --------------------------------------------------------------------------------------

def paragraphs(path):
    """Of a corpus in SQuAD's JSON: {"context", "qas"} each."""
    with open(path, encoding="utf-8") as file:
        return [p for article in json.load(file)["data"] for p in article["paragraphs"]]


# ---- figures ------------------------------------------------------------------------------------

def spread(values):
    """Half the range around the median, in per cent of it."""
    return 100 * (max(values) - min(values)) / 2 / statistics.median(values)


def span(values):
    return f"{min(values):.2f}–{max(values):.2f}"


def write_json(args, **figures):
    """To --json, where it is given."""
    if not args.json:
        return
    with open(args.json, "w", encoding="utf-8") as file:
        json.dump({"date": time.strftime("%Y-%m-%d", time.gmtime()), "model": args.model,
                   "threads": args.threads, **figures}, file, indent=1, ensure_ascii=False)


def finish(args, loads, **figures):
    """Writes the figures and says what others used. False, and says why, where they used too much
    in any run for a verdict."""
    quiet = max(loads) <= args.max_other_load
    print("CPU used by others: " + ", ".join(f"{100 * x:.0f} %" for x in loads))
    write_json(args, **figures, other_load=loads, verdict_allowed=quiet)
    if not quiet:
        print(f"no verdict: others used more than {100 * args.max_other_load:.0f} % of the CPU; "
              "run it again on an idle machine", file=sys.stderr)
    return quiet
