#!/usr/bin/env python3
"""Dense search beside PyPI's faiss-cpu, one thread each, in the same minutes: flat, and HNSW at a recall of at
least 0.95. Clustered unit vectors.

  python3 -m venv V && V/bin/pip install faiss-cpu numpy && V/bin/python bench/vs_faiss.py [--chunks N] [--rounds N]
"""
import argparse
import pathlib
import tempfile
import time

import faiss
import numpy as np

from channel_process import HITS, ChannelSearch, alternate, recall

DIM = 384
MIN_RECALL = 0.95
WIDTHS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384)


def clustered(count, topics, random):
    def unit(rows):
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    noise = unit(random.standard_normal((count, DIM), dtype=np.float32))
    return unit(topics[random.integers(len(topics), size=count)] + noise).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    random = np.random.default_rng(1)
    topics = random.standard_normal((1000, DIM), dtype=np.float32)
    topics /= np.linalg.norm(topics, axis=1, keepdims=True)
    vectors = clustered(options.chunks, topics, random)
    queries = clustered(options.queries, topics, random)

    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(DIM)
    flat.add(vectors)
    expected = flat.search(queries, HITS)[1]
    graph = faiss.IndexHNSWFlat(DIM, 16, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 100
    graph.add(vectors)

    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / name for name in ("vectors", "queries")]
        for path, rows in zip(paths, (vectors, queries)):
            rows.tofile(path)
        ours = ChannelSearch("dense", *paths, DIM)

    def their_search(index):
        # One query at a time, as an appliance is asked; the loop costs microseconds.
        before = time.thread_time()
        hits = np.vstack([index.search(queries[i:i + 1], HITS)[1] for i in range(len(queries))])
        return time.thread_time() - before, hits

    def theirs_at(width):
        graph.hnsw.efSearch = width
        return their_search(graph)

    def least_width(search):
        for width in WIDTHS:
            reached = recall(search(width)[1], expected)
            if reached >= MIN_RECALL:
                return width, reached
        raise SystemExit(f"no width reached a recall of {MIN_RECALL}")

    their_width, their_recall = least_width(theirs_at)
    our_width, our_recall = least_width(lambda width: ours.search(f"graph {width}"))
    graph.hnsw.efSearch = their_width
    print(f"{options.chunks} vectors of {DIM}, {options.queries} queries, faiss-cpu {faiss.__version__}")
    print(f"flat: our recall {recall(ours.search('flat')[1], expected):.4f}")
    times = alternate(options.rounds, our_flat=lambda: ours.search("flat")[0],
                      their_flat=lambda: their_search(flat)[0],
                      our_graph=lambda: ours.search(f"graph {our_width}")[0],
                      their_graph=lambda: their_search(graph)[0])
    print("| | ours ms | faiss ms | faiss / ours | recall ours, faiss | width ours, faiss |")
    print("| --- | --- | --- | --- | --- | --- |")
    per_query = {name: 1e3 * seconds / options.queries for name, seconds in times.items()}
    for kind, detail in (("flat", "1, 1 | - |"),
                         ("graph", f"{our_recall:.3f}, {their_recall:.3f} | {our_width}, {their_width} |")):
        mine, other = per_query[f"our_{kind}"], per_query[f"their_{kind}"]
        print(f"| {kind} | {mine:.3f} | {other:.3f} | {other / mine:.2f} | {detail}")


if __name__ == "__main__":
    main()
