#!/usr/bin/env python3
"""Import, load and unload of models beside a running appliance: medians of ROUNDS rounds, and what the same
bytes cost cp and sha256sum in the same round. Needs the default models and a build.

    bench/model_life.py [ROUNDS]"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/e2e"))
from test_models import QWEN, SMOL, OwnModelsAppliance  # noqa: E402

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5


def timed(run):
    started = time.monotonic()
    run()
    return time.monotonic() - started


def copy_and_hash(source, target):
    subprocess.run(["cp", source, target], check=True)
    with open(target, "rb") as file:
        os.fsync(file.fileno())
    subprocess.run(["sha256sum", target], check=True, stdout=subprocess.DEVNULL)
    target.unlink()


def main():
    appliance = OwnModelsAppliance()
    try:
        appliance.start()
        for source in (SMOL, QWEN):
            size = source.stat().st_size / 1e6
            times = {name: [] for name in ("cp, fsync and sha256sum", "import", "verify", "load",
                                           "unload", "remove")}
            memory = []
            for _ in range(ROUNDS):
                model = lambda *args: appliance.run("model", *args)  # noqa: E731
                times["cp, fsync and sha256sum"].append(
                    timed(lambda: copy_and_hash(source, appliance.folder / "copy")))
                times["import"].append(timed(lambda: model("import", source, "--id", "m")))
                times["verify"].append(timed(lambda: model("verify", "m")))
                before = appliance.memory("inference", "RssAnon")
                times["load"].append(timed(lambda: model("load", "m")))
                loaded = appliance.memory("inference", "RssAnon")
                planned = appliance.model("m")["memory_bytes"]
                times["unload"].append(timed(lambda: model("unload", "m")))
                after = appliance.memory("inference", "RssAnon")
                memory.append((loaded - before, after - before))
                times["remove"].append(timed(lambda: model("rm", "m")))
            print(f"{source.name}, {size:.0f} MB, {ROUNDS} rounds")
            for name, seconds in times.items():
                print(f"  {name:24} {statistics.median(seconds):6.2f} s  "
                      f"({min(seconds):.2f} to {max(seconds):.2f})")
            grown, left = (statistics.median(m) / 2**20 for m in zip(*memory))
            print(f"  anonymous memory: {grown:.0f} MiB more when loaded (planned {planned >> 20}), "
                  f"{left:.0f} MiB more after")
    finally:
        appliance.stop()


if __name__ == "__main__":
    main()
