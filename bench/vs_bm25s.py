#!/usr/bin/env python3
"""BM25 beside PyPI's bm25s (scipy-like arrays, numba where it is installed), one thread each, in the same minutes:
the same terms, the same parameters, the best 10. Text is CMRC 2018 dev's paragraphs in 1- and 2-grams, each copied with
a part of its terms exchanged until there are enough.

  python3 -m venv V && V/bin/pip install bm25s numba numpy && V/bin/python bench/vs_bm25s.py EVAL [--chunks N]

EVAL is the folder of evaluation sets."""
import argparse
import json
import pathlib
import random
import tempfile
import time

import bm25s
import numpy as np

from channel_process import HITS, ChannelSearch, alternate, recall


def grams(text, ids):
    cut = [text[i:i + n] for n in (1, 2) for i in range(len(text) - n + 1)]
    return [ids.setdefault(gram, len(ids)) for gram in cut if not gram.isspace()]


def read(folder, wanted):
    ids, paragraphs, questions = {}, [], []
    with open(pathlib.Path(folder) / "cmrc2018/cmrc2018_dev.json", encoding="utf-8") as file:
        for article in json.load(file)["data"]:
            for paragraph in article["paragraphs"]:
                paragraphs.append(grams(paragraph["context"], ids))
                questions += [sorted(set(grams(qa["question"], ids))) for qa in paragraph["qas"]]
    chance = random.Random(1)
    pool = [term for paragraph in paragraphs for term in paragraph]
    chunks = list(paragraphs)
    while len(chunks) < wanted:
        of = paragraphs[len(chunks) % len(paragraphs)]
        chunks.append([term if chance.random() < 0.5 else chance.choice(pool) for term in of])
    chance.shuffle(questions)
    return chunks, questions, len(ids)


def write(path, lists):
    np.concatenate([np.array([len(terms), *terms], dtype=np.uint32) for terms in lists]).tofile(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("eval", help="the folder with cmrc2018")
    parser.add_argument("--chunks", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    chunks, questions, vocabulary = read(options.eval, options.chunks)
    questions = questions[:options.queries]

    backend = "numba"
    try:
        import numba  # noqa: F401
    except ImportError:
        backend = "numpy"
    theirs = bm25s.BM25(method="lucene", k1=1.2, b=0.75, backend=backend)
    theirs.index(bm25s.tokenization.Tokenized(ids=chunks, vocab={str(i): i for i in range(vocabulary)}),
                 show_progress=False)

    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / name for name in ("chunks", "queries")]
        write(paths[0], chunks)
        write(paths[1], questions)
        ours = ChannelSearch("words", *paths)

    tokens = [[[str(term) for term in question]] for question in questions]

    def their_search():
        before = time.thread_time()
        hits = np.vstack([theirs.retrieve(question, k=HITS, show_progress=False, n_threads=0)[0]
                          for question in tokens])
        return time.thread_time() - before, hits

    same = recall(ours.search("words")[1], their_search()[1])
    times = alternate(options.rounds, ours=lambda: ours.search("words")[0], theirs=lambda: their_search()[0])
    rate = {name: options.queries / seconds for name, seconds in times.items()}
    print(f"{len(chunks)} chunks, {options.queries} questions, bm25s {bm25s.__version__} ({backend}); "
          f"common to both top tens: {same:.3f}")
    print("| ours, queries/s | bm25s, queries/s | ours / bm25s |\n| --- | --- | --- |")
    print(f"| {rate['ours']:.0f} | {rate['theirs']:.0f} | {rate['ours'] / rate['theirs']:.2f} |")


if __name__ == "__main__":
    main()
