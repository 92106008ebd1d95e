"""SIGKILL of each process during ingest and during an answer: nothing acknowledged is lost.

Prints one line a round; HADAL_CRASH_ROUNDS (default 20) rounds for every process and phase."""

import json
import os
import random
import threading
import time

from appliance import ApplianceTest, main

ROUNDS = int(os.environ.get("HADAL_CRASH_ROUNDS", "20"))
SEED = int(os.environ.get("HADAL_CRASH_SEED", "20261122"))
RECOVERY_LIMIT_S = 60


class CrashTest(ApplianceTest):
    @classmethod
    def prepare(cls):
        print(f"seed {SEED}, {ROUNDS} rounds")
        cls.random = random.Random(SEED)
        cls.appliance.run("kb", "create", "crash")
        cls.acknowledged = {}
        cls.receipts = []
        cls.number = 0
        cls.add_document()

    @classmethod
    def add_document(cls):
        """Adds one document; acknowledged only when the command said so."""
        cls.number += 1
        name, word = f"doc{cls.number}.txt", f"KW{cls.number:05d}X"
        path = cls.appliance.folder / name
        path.write_text(f"The calibration record {word} of sensor {cls.number} is kept in room 4.\n" * 20)
        rows = cls.appliance.run("kb", "add", "crash", path, "-o", "json", check=False).stdout
        for line in rows.splitlines():
            if json.loads(line).get("accepted"):
                cls.acknowledged[name] = word

    def kill_soon(self, service, within_s):
        delay = self.random.uniform(0.0, within_s)

        def kill():
            time.sleep(delay)
            try:
                self.appliance.kill(service)
            except (ProcessLookupError, FileNotFoundError):
                pass

        thread = threading.Thread(target=kill)
        thread.start()
        return thread

    def recover(self, what):
        """The next requests work within the limit, and everything acknowledged is there."""
        started = time.monotonic()
        while True:
            completed = self.appliance.run("status", check=False)
            if completed.returncode == 0:
                break
            self.assertLess(time.monotonic() - started, RECOVERY_LIMIT_S,
                            f"{what}: not ready again\n{completed.stderr}{self.appliance.logs()}")
            time.sleep(0.1)
        ready_s = time.monotonic() - started
        listed = {d["id"] for d in self.appliance.json("kb", "ls-docs", "crash")["documents"]}
        self.assertLessEqual(set(self.acknowledged), listed, what)
        name = self.random.choice(sorted(self.acknowledged))
        found = self.appliance.json("kb", "search", "crash", self.acknowledged[name], "-k", 3)
        self.assertIn(name, [r["document"] for r in found["results"]], what)
        self.assertTrue(self.appliance.json("audit", "verify")["ok"], what)
        answer = self.appliance.json("ask", "In which room is the calibration record "
                                     f"{self.acknowledged[name]} kept?", "--kb", "crash")
        self.receipts.append(answer["audit"])
        return ready_s

    def rounds(self, service, work, within_s):
        times = []
        for _ in range(ROUNDS):
            killer = self.kill_soon(service, within_s)
            work()
            killer.join()
            times.append(self.recover(service))
        times.sort()
        print(f"{service:10s} {work.__name__:8s} {ROUNDS} kills, ready again after median "
              f"{times[len(times) // 2]:.2f} s, max {times[-1]:.2f} s")

    def ingest(self):
        self.add_document()

    def answer(self):
        name = self.random.choice(sorted(self.acknowledged))
        completed = self.appliance.run("ask", f"Where is {self.acknowledged[name]} kept?", "--kb",
                                       "crash", "-o", "json", check=False)
        if completed.returncode == 0:  # an answer that came has its record
            self.receipts.append(json.loads(completed.stdout)["audit"])

    def test_gateway_during_ingest(self):
        self.rounds("gateway", self.ingest, 0.4)

    def test_gateway_during_answer(self):
        self.rounds("gateway", self.answer, 1.5)
        leaves = {}
        for line in self.appliance.run("audit", "export").stdout.splitlines():
            entry = json.loads(line)
            leaves[entry["index"]] = entry["leaf_hash"]
        for receipt in self.receipts:
            self.assertEqual(leaves[receipt["index"]], receipt["leaf_hash"])

    def test_retrieval_during_ingest(self):
        self.rounds("retrieval", self.ingest, 0.4)

    def test_retrieval_during_answer(self):
        self.rounds("retrieval", self.answer, 1.5)

    def test_inference_during_ingest(self):
        self.rounds("inference", self.ingest, 0.4)

    def test_inference_during_answer(self):
        self.rounds("inference", self.answer, 1.5)

    def test_supervisor(self):
        """The supervisor takes its services with it; `up` again finds everything."""
        for _ in range(min(ROUNDS, 5)):
            pid = int((self.appliance.data / "run/up.lock").read_text())
            services = [self.appliance.pid(s) for s in ("gateway", "retrieval", "inference")]
            os.kill(pid, 9)
            deadline = time.monotonic() + 10
            while any(os.path.exists(f"/proc/{p}") for p in services):
                self.assertLess(time.monotonic(), deadline, "services outlived their supervisor")
                time.sleep(0.05)
            self.appliance.start()
            self.recover("supervisor")


if __name__ == "__main__":
    main()
