"""Our side of vs_faiss.py and vs_bm25s.py: build/release/bin/channel_search as a process."""
import pathlib
import statistics
import subprocess

import numpy as np

BINARY = pathlib.Path(__file__).parent.parent / "build/release/bin/channel_search"
HITS = 10


class ChannelSearch:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([str(BINARY), *map(str, arguments)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{BINARY} did not start; build it: ninja -C build/release channel_search")

    def search(self, line):
        """Processor seconds for all queries, and their hits [queries, 10]."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        seconds, *hits = self.process.stdout.readline().split()
        return float(seconds), np.array(hits, dtype=np.int64).reshape(-1, HITS)


def recall(hits, expected):
    return float(np.mean([len(set(a) & set(b)) / HITS for a, b in zip(hits, expected)]))


def alternate(rounds, **sides):
    """Runs all sides in turn; the median processor seconds of each."""
    times = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            times[name].append(side())
    return {name: statistics.median(of_side) for name, of_side in times.items()}
