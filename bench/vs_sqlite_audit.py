#!/usr/bin/env python3
"""Durable appends: SQLite (WAL, synchronous=FULL, one insert a commit) beside the audit log.

Usage: vs_sqlite_audit.py AUDIT_BENCH_BINARY
Both write 512-byte records under $TMPDIR, alternating, and the medians are compared.
"""
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 3
COMMITS = 5000
RECORD = b"r" * 512


def sqlite_appends_per_second():
    with tempfile.TemporaryDirectory(prefix="audit-bench") as folder:
        db = sqlite3.connect(os.path.join(folder, "log.db"), isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE log(id INTEGER PRIMARY KEY, record BLOB)")
        start = time.perf_counter()
        for _ in range(COMMITS):
            db.execute("INSERT INTO log(record) VALUES (?)", (RECORD,))
        seconds = time.perf_counter() - start
        db.close()
        return COMMITS / seconds


def audit_appends_per_second(binary):
    out = subprocess.run(
        [binary, "--benchmark_filter=BM_DurableAppends/64", "--benchmark_format=json"],
        check=True, capture_output=True, text=True).stdout
    return json.loads(out)["benchmarks"][0]["items_per_second"]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sqlite_rates, audit_rates = [], []
    for _ in range(ROUNDS):
        sqlite_rates.append(sqlite_appends_per_second())
        audit_rates.append(audit_appends_per_second(sys.argv[1]))
    ratio = statistics.median(audit_rates) / statistics.median(sqlite_rates)
    print(json.dumps({
        "sqlite_appends_per_second": round(statistics.median(sqlite_rates)),
        "audit_log_appends_per_second_64_writers": round(statistics.median(audit_rates)),
        "ratio": round(ratio, 2),
    }))


if __name__ == "__main__":
    main()
