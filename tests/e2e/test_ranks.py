"""A rank killed or stopped during decode of streams, under `hadal up` with [inference] ranks: the client
is told in time, the gateway answers 503 with Retry-After, the supervisor starts all ranks again.

Prints a line a round and medians with the spread; HADAL_RANKS_ROUNDS (default 1) rounds for each of
HADAL_RANKS (default "2 4") ranks and each failure. With several rounds each waits until the supervisor has
forgotten the last one. The model is the golden DeepSeek-V3, which is small and random."""

import http.client
import json
import lzma
import os
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

from appliance import SHARED, Appliance, main

ROUNDS = int(os.environ.get("HADAL_RANKS_ROUNDS", "1"))
RANKS = [int(n) for n in os.environ.get("HADAL_RANKS", "2 4").split()]
TIMEOUT_S = 3  # rank_timeout_s
QUICK_DEATH_S = 10  # of the supervisor: what dies sooner waits before it is started again
GOLDEN = SHARED / "golden/models/deepseek_v3-tiny"
MODEL = "v3"
VOCABULARY = 512
FAILURES = {
    "follower killed": (1, signal.SIGKILL),
    "follower stopped": (1, signal.SIGSTOP),
    "leader killed": (0, signal.SIGKILL),
    "leader stopped": (0, signal.SIGSTOP),
}


def make_model(folder):
    """The golden weights with what a folder needs to be served: R1's tokenizer cut to the vocabulary,
    its four chat tokens at the end, and R1's template."""
    folder.mkdir()
    for path in GOLDEN.iterdir():
        if not path.name.startswith("golden"):
            shutil.copy(path, folder)
    golden = SHARED / "golden"
    tokenizer = json.loads(lzma.open(golden / "tokenizer_files/deepseek_r1.json.xz").read())
    added = {token["content"]: token for token in tokenizer["added_tokens"]}
    chat = ["<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"]
    first = VOCABULARY - len(chat)
    tokenizer["added_tokens"] = tokenizer["added_tokens"][:3] + [
        {**added[content], "id": first + i} for i, content in enumerate(chat)]
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {word: i for word, i in vocabulary.items() if i < first}
    tokenizer["model"]["merges"] = []
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    shutil.copy(golden / "chat/deepseek_r1.jinja", folder / "chat_template.jinja")


class Streams:
    """Clients that stream one answer after the other; what each saw, with the time."""

    def __init__(self, appliance, count):
        self.appliance = appliance
        self.events = []  # (time, "token" | "error", HTTP status, Retry-After or None)
        self.stopping = False
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        turn = 0
        while not self.stopping:
            turn += 1
            try:
                self.stream(f"Tell me {number} {turn}")
            except (OSError, http.client.HTTPException) as error:
                self.events.append((time.monotonic(), f"broken: {error}", 0, None))
            time.sleep(0.05)

    def stream(self, text):
        host, port = self.appliance.https.removeprefix("https://").rsplit(":", 1)
        context = ssl.create_default_context(cafile=str(self.appliance.ca))
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=120)
        try:
            body = {"model": MODEL, "stream": True, "max_tokens": 300,
                    "messages": [{"role": "user", "content": text}]}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), {
                "Authorization": f"Bearer {self.appliance.admin_key}",
                "Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != 200:
                self.events.append((time.monotonic(), "error", response.status,
                                    response.getheader("Retry-After")))
                return
            for line in response:
                if self.stopping:
                    return
                if line.startswith(b"data: {"):
                    kind = "error" if b'"error"' in line else "token"
                    self.events.append((time.monotonic(), kind, 200, None))
        finally:
            connection.close()

    def first(self, since, what):
        return next((event for event in list(self.events) if event[0] > since and what(event)), None)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def running(pids):
    """Those that are there and no zombies."""
    there = []
    for pid in pids:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                there.append(pid)
        except OSError:
            pass
    return there


class RanksTest(unittest.TestCase):
    def setUp(self):
        if not GOLDEN.is_dir():
            self.skipTest(f"no reference data at {GOLDEN}")
        if shutil.which("mpirun") is None:
            self.skipTest("no mpirun")

    def start(self, ranks):
        appliance = Appliance()
        self.addCleanup(appliance.stop)
        make_model(appliance.folder / MODEL)
        config = appliance.folder / "hadal.toml"
        config.write_text(f"""[inference]
chat_model = "{appliance.folder / MODEL}"
ranks = {ranks}
rank_timeout_s = {TIMEOUT_S}
kv_cache_mib = 16
redundant_experts = 2
rebalance_tokens = 500
""")
        appliance.options = ("--config", config, "--threads", "1")
        return appliance.start()

    def group(self, appliance):
        """mpirun and its ranks, the leader first."""
        leader = appliance.pid("inference")
        launcher = parent(leader)
        return launcher, [leader] + [pid for pid in children(launcher) if pid != leader]

    def await_event(self, streams, since, what, limit_s, message, appliance):
        while (event := streams.first(since, what)) is None:
            self.assertLess(time.monotonic() - since, limit_s, message + appliance.logs())
            time.sleep(0.005)
        return event[0] - since

    def fail_once(self, appliance, streams, name):
        victim, number = FAILURES[name]
        if ROUNDS > 1:
            time.sleep(QUICK_DEATH_S)
        started = time.monotonic()
        self.await_event(streams, started, lambda e: e[1] == "token", 60, "no tokens", appliance)
        _, ranks = self.group(appliance)
        log = appliance.data / "log/inference.log"
        logged = log.stat().st_size
        at = time.monotonic()
        os.kill(ranks[victim], number)
        told_s = self.await_event(streams, at, lambda e: e[1] != "token", 60, "no error", appliance)
        self.assertNotEqual(appliance.run("status", check=False).returncode, 0, "ready without ranks")
        # New ranks, so that a late piece of the old ones is not taken for recovery.
        while appliance.pid("inference") == ranks[0]:
            self.assertLess(time.monotonic() - at, 60, "not started again" + appliance.logs())
            time.sleep(0.005)
        renewed = time.monotonic()
        serving_s = renewed - at + self.await_event(
            streams, renewed, lambda e: e[1] == "token", 60, "not serving again", appliance)
        refused = [e for e in streams.events if at < e[0] < at + serving_s and e[2] == 503]
        self.assertTrue(refused, "nothing was refused")
        self.assertTrue(all(e[3] is not None for e in refused), "503 without Retry-After")
        with log.open(errors="replace") as text:
            text.seek(logged)
            said = text.read()
        named = f"rank {victim} is dead" in said or f"process rank {victim} " in said
        self.assertTrue(named, f"rank {victim} is named nowhere in\n{said}")
        self.assertEqual(running(ranks), [], "ranks of the old group still run")
        return told_s, serving_s, len(refused)

    def test_ranks_that_fail_during_decode(self):
        for count in RANKS:
            appliance = self.start(count)
            self.assertEqual(len(self.group(appliance)[1]), count)
            streams = Streams(appliance, 2)
            self.addCleanup(streams.stop)
            for name in FAILURES:
                rounds = []
                for _ in range(ROUNDS):
                    rounds.append(self.fail_once(appliance, streams, name))
                    print(f"{count} ranks, {name}: error after {rounds[-1][0]:.2f} s, serves again after "
                          f"{rounds[-1][1]:.2f} s, {rounds[-1][2]} requests refused meanwhile", flush=True)
                for what, times in (("error", [r[0] for r in rounds]), ("serving", [r[1] for r in rounds])):
                    print(f"  {what}: median {statistics.median(times):.2f} s "
                          f"({min(times):.2f} to {max(times):.2f})", flush=True)
                if FAILURES[name][1] == signal.SIGSTOP:
                    self.assertLess(max(r[0] for r in rounds), TIMEOUT_S + 5)
            streams.stop()
            appliance.stop()

    def test_nothing_outlives_a_killed_supervisor_or_launcher(self):
        appliance = self.start(2)
        launcher, ranks = self.group(appliance)
        os.kill(ranks[1], signal.SIGSTOP)  # even a rank that cannot act
        os.kill(launcher, signal.SIGKILL)
        self.await_gone([launcher, *ranks])
        deadline = time.monotonic() + 60
        while appliance.run("status", check=False).returncode != 0:
            self.assertLess(time.monotonic(), deadline, "not serving again" + appliance.logs())
            time.sleep(0.1)
        launcher, ranks = self.group(appliance)
        supervisor = int((appliance.data / "run/up.lock").read_text())
        os.kill(ranks[1], signal.SIGSTOP)
        os.kill(supervisor, signal.SIGKILL)
        self.await_gone([launcher, *ranks])

    def await_gone(self, pids):
        deadline = time.monotonic() + 10
        while running(pids):
            self.assertLess(time.monotonic(), deadline, f"{running(pids)} still run")
            time.sleep(0.02)


if __name__ == "__main__":
    main()
