"""The other end-to-end suites once more, in a network namespace without any route but loopback."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

from appliance import main, require_models

NAMESPACE = f"hadal-gap-{os.getpid()}"
INSIDE = ("nsenter", f"--net=/run/netns/{NAMESPACE}")  # unlike ip netns exec, it works in a chroot
SUITES = ("test_cli", "test_openai", "test_grpc", "test_access", "test_samples", "test_corpus",
          "test_crash")
CRASH_ROUNDS = "2"


class AirGapAllTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require_models()
        if os.geteuid() != 0:
            raise unittest.SkipTest("making a network namespace needs root")
        made = subprocess.run(["ip", "netns", "add", NAMESPACE], capture_output=True, text=True)
        if made.returncode != 0:
            raise unittest.SkipTest(f"no network namespaces here: {made.stderr.strip()}")
        cls.addClassCleanup(subprocess.run, ["ip", "netns", "del", NAMESPACE], check=False)
        cls.inside("ip", "link", "set", "lo", "up")

    @staticmethod
    def inside(*command, **options):
        return subprocess.run([*INSIDE, *command], check=True, **options)

    def test_there_is_no_way_out(self):
        routes = self.inside("ip", "route", "show", "table", "all", capture_output=True, text=True)
        for line in routes.stdout.splitlines():
            self.assertIn("dev lo", line)

    def test_suites(self):
        environment = dict(os.environ, HADAL_CRASH_ROUNDS=CRASH_ROUNDS)
        for suite in SUITES:
            with self.subTest(suite):
                print(f"== {suite}", flush=True)
                self.inside(sys.executable, str(Path(__file__).with_name(f"{suite}.py")),
                            env=environment)


if __name__ == "__main__":
    main()
