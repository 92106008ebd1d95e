"""The other end-to-end suites once more, in a network namespace without any route but loopback."""

import os
import sys
import unittest
from pathlib import Path

from appliance import LoopbackNamespace, main

SUITES = ("test_cli", "test_openai", "test_grpc", "test_access", "test_large_document",
          "test_samples", "test_corpus", "test_crash")
CRASH_ROUNDS = "2"


class AirGapAllTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.namespace = LoopbackNamespace()
        cls.addClassCleanup(cls.namespace.close)

    def test_there_is_no_way_out(self):
        routes = self.namespace.run("ip", "route", "show", "table", "all", capture_output=True,
                                    text=True)
        for line in routes.stdout.splitlines():
            self.assertIn("dev lo", line)

    def test_suites(self):
        environment = dict(os.environ, HADAL_CRASH_ROUNDS=CRASH_ROUNDS)
        for suite in SUITES:
            with self.subTest(suite):
                print(f"== {suite}", flush=True)
                self.namespace.run(sys.executable, str(Path(__file__).with_name(f"{suite}.py")),
                                   env=environment)


if __name__ == "__main__":
    main()
