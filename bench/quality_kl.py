#!/usr/bin/env python3
"""What quantised arithmetic costs in quality: KL divergence of the next-token distribution from
float32 arithmetic on the same dequantised file, ours and llama.cpp's, on the same tokens.

  bench/quality_kl.py --model model.gguf --python VENV/bin/python --eval ../shared/eval

The reference is `hadal-model logits --dtype f32`: every stored weight widened to float32, float32
activations and KV cache. --f32-gguf FILE, the same weights written as an F32 GGUF, adds a row that
says how near llama.cpp comes to that reference in float32 (then nothing but KV and the order of
sums differ). Text: Chinese paragraphs of CMRC 2018 and English documents of the corpus, in
sequences of --length tokens; every position counts. Exit code 1 when our mean KL is larger than
llama.cpp's by more than two standard errors of the difference, position by position. Needs numpy
here and llama_cpp in --python.
"""

import json
import os
import sys
import tempfile

import numpy

import measuring

# Behind measuring.LLAMA_CPP: writes the logits of each sequence as raw float32 rows.
LLAMA_SIDE = r"""
longest = max(len(ids) for ids in o["sequences"])
ctx = context(longest + 256, longest, longest)
batch = llama_cpp.llama_batch_init(longest, 0, 1)
for number, ids in enumerate(o["sequences"]):
    clear(ctx)
    decode(ctx, batch, [(token, i, 0, True) for i, token in enumerate(ids)])
    size = len(ids) * vocabulary * 4
    with open("%s.%d" % (o["out"], number), "wb") as file:
        file.write(ctypes.string_at(llama_cpp.llama_get_logits(ctx), size))
"""


def texts(folder):
    """By language, one long text."""
    chinese = measuring.paragraphs(f"{folder}/cmrc2018/cmrc2018_dev.json")[::20]
    english = []
    with open(f"{folder}/corpus/manifest.jsonl", encoding="utf-8") as file:
        for document in map(json.loads, file):
            if document["language"] == "en":
                with open(f"{folder}/corpus/text/{document['id']}.txt", encoding="utf-8") as text:
                    english.append(text.read())
    return {"Chinese": "\n".join(p["context"] for p in chinese), "English": "\n".join(english)}


def sequences_of(args, scratch):
    """By language, sequences of token ids, from places spread over its text."""
    count = args.positions // (2 * args.length)
    found = {}
    for language, text in texts(args.eval).items():
        with open(f"{scratch}/text.jsonl", "w", encoding="utf-8") as file:
            file.write(json.dumps({"text": text}) + "\n")
        ids = json.loads(measuring.run([args.hadal_model, "tokenize", args.model, "--plain",
                                        "--jsonl", f"{scratch}/text.jsonl"]).out)["ids"]
        if len(ids) < count * args.length:
            sys.exit(f"{language} text has {len(ids)} tokens, {count * args.length} are needed: "
                     "lower --positions")
        step = len(ids) // count
        found[language] = [ids[i * step:i * step + args.length] for i in range(count)]
    return found


def read_logits(path, rows):
    """prompt.0.logits of a safetensors file."""
    with open(path, "rb") as file:
        header_size = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(header_size))["prompt.0.logits"]
        begin, end = entry["data_offsets"]
        file.seek(8 + header_size + begin)
        return numpy.frombuffer(file.read(end - begin), numpy.float32).reshape(rows, -1)


def ours(args, ids, dtype, scratch):
    with open(f"{scratch}/tokens.txt", "w", encoding="ascii") as file:
        file.write(",".join(map(str, ids)) + "\n")
    out = f"{scratch}/logits.safetensors"
    measuring.run([args.hadal_model, "logits", args.model, "--tokens-file", f"{scratch}/tokens.txt",
                   "--out", out, "--all", "--dtype", dtype, "--threads", str(args.threads)])
    return read_logits(out, len(ids))


def log_probabilities(logits):
    shifted = logits.astype(numpy.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return shifted - numpy.log(numpy.exp(shifted).sum(axis=1, keepdims=True))


def compare(reference, other):
    """Per position: KL(reference || other) in nats, and whether both like the same token best."""
    divergence = []
    for begin in range(0, len(reference), 32):  # float64 rows of the vocabulary are large
        p = log_probabilities(reference[begin:begin + 32])
        q = log_probabilities(other[begin:begin + 32])
        divergence.append((numpy.exp(p) * (p - q)).sum(axis=1))
    return numpy.concatenate(divergence), reference.argmax(axis=1) == other.argmax(axis=1)


def measure(args, scratch):
    """By engine and language: KL and agreement of every position."""
    sequences = sequences_of(args, scratch)
    flat = [(language, ids) for language, all_ids in sequences.items() for ids in all_ids]
    peers = {"llama.cpp": args.model}
    if args.f32_gguf:
        peers["llama.cpp, float32 file"] = args.f32_gguf
    found = {}
    for engine in ["ours", *peers]:
        found[engine] = {language: [] for language in sequences}
    for engine, model in peers.items():
        measuring.run_llama_cpp(args, LLAMA_SIDE, model, out=f"{scratch}/{engine}",
                                sequences=[ids for _, ids in flat])
    for number, (language, ids) in enumerate(flat):
        reference = ours(args, ids, "f32", scratch)
        found["ours"][language].append(compare(reference, ours(args, ids, "native", scratch)))
        for engine in peers:
            path = f"{scratch}/{engine}.{number}"
            logits = numpy.fromfile(path, numpy.float32).reshape(len(ids), -1)
            os.remove(path)
            found[engine][language].append(compare(reference, logits))
    return found


def summarise(pairs):
    divergence = numpy.concatenate([kl for kl, _ in pairs])
    agreement = numpy.concatenate([same for _, same in pairs])
    return {"positions": len(divergence), "mean": float(divergence.mean()),
            "median": float(numpy.median(divergence)),
            "p99": float(numpy.percentile(divergence, 99)), "largest": float(divergence.max()),
            "top1": float(agreement.mean())}


def difference(ours_found, theirs_found):
    """Mean of our KL less theirs at the same positions, and its standard error."""
    gaps = numpy.concatenate([mine - theirs for language in ours_found for (mine, _), (theirs, _)
                              in zip(ours_found[language], theirs_found[language])])
    return float(gaps.mean()), float(gaps.std(ddof=1) / numpy.sqrt(len(gaps)))


def parse_args():
    parser = measuring.parser(__doc__)
    measuring.add_llama_cpp(parser, default=sys.executable, help="interpreter with llama_cpp")
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--eval", required=True, help="folder with cmrc2018 and corpus")
    parser.add_argument("--f32-gguf", metavar="FILE", help="the model's weights as F32")
    parser.add_argument("--positions", type=int, default=2000)
    parser.add_argument("--length", type=int, default=250, help="tokens of a sequence")
    args = parser.parse_args()
    measuring.find_paths(parser, args, "model", "eval", "python", "hadal_model", "f32_gguf")
    if args.length < 1 or args.positions < 2 * args.length:
        parser.error(f"--positions {args.positions}: expected two sequences of {args.length} "
                     "at least")
    return args


def main():
    args = parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(args, scratch)
    rows = {}
    print("| engine | text | positions | mean KL | median | 99th percentile | largest | "
          "same best token |")
    print("|" + " --- |" * 8)
    for engine, by_language in found.items():
        everything = [pair for pairs in by_language.values() for pair in pairs]
        rows[engine] = {name: summarise(pairs)
                        for name, pairs in {**by_language, "both": everything}.items()}
        for text, r in rows[engine].items():
            print(f"| {engine} | {text} | {r['positions']:,} | {r['mean']:.6f} | "
                  f"{r['median']:.6f} | {r['p99']:.6f} | {r['largest']:.3f} | {100 * r['top1']:.2f} % |")
    gap, error = difference(found["ours"], found["llama.cpp"])
    print(f"ours less llama.cpp: {gap:+.6f} ± {error:.6f} (standard error)")
    measuring.write_json(args, result=rows, ours_less_llama_cpp=gap, standard_error=error)
    return int(gap > 2 * error)


if __name__ == "__main__":
    sys.exit(main())
