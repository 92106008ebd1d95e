#!/usr/bin/env python3
"""What may stand in for the cosine of a chunk that has no vector yet? (retrieval/rank/fusion.h)

    build/release/bin/retrieval_recall --corpus CORPUS --results r.jsonl -k 1000
    bench/pending_fusion.py CORPUS r.jsonl

Fuses the recorded scores of every allowed chunk again, as if some documents were still pending, and
prints recall@5 of the sentences in pending documents and in the others. Fixed seed."""

import json
import math
import random
import re
import sys
from pathlib import Path

DENSE = 0.7
SETS = 12  # random halves of the documents
STAND_INS = {
    "0": lambda share, coverage: 0.0,
    "coverage squared": lambda share, coverage: coverage ** 2,
    "coverage": lambda share, coverage: coverage,
    "BM25 share squared": lambda share, coverage: share ** 2,
    "BM25 share": lambda share, coverage: share,
}


def folded(text):
    return re.sub(r"[^0-9a-z\u3400-\u9fff]", "", text.lower())


def read(path):
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def fuse(hits, pending, stand_in):
    cosines = {}
    for hit in hits:
        if hit["document"] not in pending:
            cosines.setdefault(hit["chinese"], []).append(hit["dense"])
    scale = {}
    for language, values in cosines.items():
        mean = sum(values) / len(values)
        scale[language] = mean, math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
    best = max(hit["lexical"] for hit in hits) or 1.0
    dense = []
    for hit in hits:
        mean, deviation = scale.get(hit["chinese"], (0, 0))
        known = hit["document"] not in pending and deviation > 1e-9
        dense.append((hit["dense"] - mean) / deviation if known else 0.0)
    top = max(dense) if max(dense) > 1e-9 else 1.0
    scores = []
    for hit, value in zip(hits, dense):
        share = hit["lexical"] / best
        value = stand_in(share, hit["coverage"]) if hit["document"] in pending else value / top
        scores.append(DENSE * value + (1 - DENSE) * share)
    return scores


def recall(questions, results, sets, stand_in, k=5):
    found = {True: [0, 0], False: [0, 0]}  # by: in a pending document
    for pending in sets:
        for row in results:
            hits = row["retrieved"]
            question = questions[row["question_id"]]
            if question["kind"] in ("unanswerable", "forbidden") or not hits:
                continue
            scores = fuse(hits, pending, stand_in)
            best = sorted(range(len(hits)), key=lambda i: -scores[i])[:k]
            for support in question["support"]:
                document, text = support["document"], folded(support.get("text", ""))
                if not text or all(hit["document"] != document for hit in hits):
                    continue
                counts = found[document in pending]
                counts[1] += 1
                counts[0] += any(hits[i]["document"] == document and text in hits[i]["folded"]
                                 for i in best)
    return [found[p][0] / max(found[p][1], 1) for p in (True, False)]


def main(corpus, path):
    questions = {q["id"]: q for q in read(Path(corpus) / "questions.jsonl")}
    results = read(path)
    for row in results:
        for hit in row["retrieved"]:
            hit["folded"] = folded(hit["text"])
            hit["chinese"] = len(re.findall(r"[\u3400-\u9fff]", hit["text"])) > 0.15 * len(hit["text"])
    documents = sorted({hit["document"] for row in results for hit in row["retrieved"]})
    random.seed(1)
    halves = [set(random.sample(documents, len(documents) // 2)) for _ in range(SETS)]
    ones = [{document} for document in documents]
    print(f"nothing pending: {recall(questions, results, [set()], STAND_INS['0'])[1]:.2f}")
    print(f"all pending:     {recall(questions, results, [set(documents)], STAND_INS['0'])[0]:.2f}")
    print(f"{'stand-in':20s}  one pending: it, others  half pending: they, others")
    for name, stand_in in STAND_INS.items():
        one, half = (recall(questions, results, sets, stand_in) for sets in (ones, halves))
        print(f"{name:20s}  {one[0]:.2f} {one[1]:.2f}                {half[0]:.2f} {half[1]:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
