"""An appliance of its own for a test: real processes, real models, a temporary data folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ.get("HADAL_SOURCE_DIR", Path(__file__).resolve().parents[2]))
BIN = Path(os.environ.get("HADAL_BIN_DIR", SOURCE / "build/release/bin"))
MODELS = Path(os.environ.get("HADAL_MODELS", SOURCE / "models"))
SHARED = SOURCE.parent / "shared"
CORPUS = SHARED / "eval/corpus"
CHAT_MODEL = "qwen2.5-coder-0.5b-instruct"
EMBEDDING_MODEL = "multilingual-e5-small"
EVAL = SOURCE / "ops/eval"


def require_models():
    for name in ("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "multilingual-e5-small-q4_0.gguf"):
        if not (MODELS / name).is_file():
            raise unittest.SkipTest(f"no model {name} in {MODELS}: run ops/models.sh fetch")


def require_corpus():
    if not CORPUS.is_dir():
        raise unittest.SkipTest(f"no evaluation corpus at {CORPUS}")


class Failed(AssertionError):
    def __init__(self, completed):
        super().__init__(f"{completed.args}: exit {completed.returncode}\n{completed.stdout}"
                         f"{completed.stderr}")
        self.completed = completed


class Appliance:
    """Started by start(); `prefix` is put before every command (e.g. ip netns exec NAME), `options`
    behind `hadal up`."""

    def __init__(self, prefix=()):
        require_models()
        self.folder = Path(tempfile.mkdtemp(prefix="hadal-e2e."))
        self.data = self.folder / "data"
        self.prefix = list(prefix)
        self.options = ()
        self.models = MODELS

    def run(self, *args, key=None, check=True, timeout=300, user_data=True):
        command = [*self.prefix, str(BIN / "hadal"), *map(str, args)]
        if user_data:
            command += ["--data", str(self.data)]
        if key:
            command += ["--key-file", str(self.key_file(key))]
        completed = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        if check and completed.returncode != 0:
            raise Failed(completed)
        return completed

    def json(self, *args, **options):
        return json.loads(self.run(*args, "-o", "json", **options).stdout)

    def json_lines(self, *args, **options):
        out = self.run(*args, "-o", "json", **options).stdout
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]

    def key_file(self, key):
        path = self.folder / f"key-{abs(hash(key))}"
        path.write_text(key)
        path.chmod(0o600)
        return path

    def start(self):
        self.run("up", "--detach", "--models", self.models, "--https-port", self._free(),
                 "--grpc-port", self._free(), *self.options, timeout=240)
        self.status = self.json("status")
        assert self.status["ready"], self.status
        self.https = self.status["endpoints"]["https"]
        self.grpc = self.status["endpoints"]["grpc"]
        self.ca = self.data / "pki/ca.pem"
        self.admin_key = (self.data / "admin/admin.key").read_text().strip()
        return self

    @staticmethod
    def _free():
        import socket
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    def user(self, name, clearance="internal", compartments=(), groups=(), roles=()):
        """Makes a user and returns a key of his."""
        args = ["user", "create", name, "--clearance", clearance]
        for flag, values in (("--compartment", compartments), ("--group", groups), ("--role", roles)):
            for value in values:
                args += [flag, value]
        self.run(*args)
        return self.json("key", "create", "--user", name)["key"]

    def eval_script(self, name, *arguments, check=True):
        """Runs a script of ops/eval against this appliance; its exit status."""
        command = [sys.executable, EVAL / name, "--hadal", BIN / "hadal", "--data", self.data,
                   *arguments]
        sys.stdout.flush()
        return subprocess.run([str(part) for part in command], check=check).returncode

    def pid(self, service):
        return json.loads((self.data / f"run/{service}.json").read_text())["pid"]

    def memory(self, service, field):
        """Bytes of the process, by their name in /proc/PID/status."""
        for line in Path(f"/proc/{self.pid(service)}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise KeyError(field)

    def kill(self, service):
        os.kill(self.pid(service), signal.SIGKILL)

    def logs(self):
        return "\n".join(f"--- {p.name}\n{p.read_text(errors='replace')[-3000:]}"
                         for p in sorted((self.data / "log").glob("*.log")))

    def stop(self):
        try:
            self.run("down", check=False, timeout=60)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class LoopbackNamespace:
    """A network namespace without any route but loopback, until close(). `prefix` before a command
    runs it inside: nsenter, which unlike `ip netns exec` works in a chroot."""

    def __init__(self):
        require_models()
        if os.geteuid() != 0:
            raise unittest.SkipTest("making a network namespace needs root")
        self.name = f"hadal-e2e-{os.getpid()}"
        self.prefix = ("nsenter", f"--net=/run/netns/{self.name}")
        made = subprocess.run(["ip", "netns", "add", self.name], capture_output=True, text=True)
        if made.returncode != 0:
            raise unittest.SkipTest(f"no network namespaces here: {made.stderr.strip()}")
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *command, **options):
        return subprocess.run([*self.prefix, *command], check=True, **options)

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False)


class ApplianceTest(unittest.TestCase):
    """One appliance for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        cls.appliance = cls.make()
        try:
            cls.appliance.start()
            cls.prepare()
        except BaseException:
            sys.stderr.write(cls.appliance.logs())
            cls.appliance.stop()
            raise

    @classmethod
    def make(cls):
        return Appliance()

    @classmethod
    def prepare(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        cls.appliance.stop()


def main():
    """unittest.main that prints SKIPPED_ALL when not one test ran, for ctest's skip."""
    program = unittest.main(module="__main__", exit=False)
    result = program.result
    if result.wasSuccessful() and result.skipped and len(result.skipped) >= max(result.testsRun, 1):
        print("SKIPPED_ALL:", result.skipped[0][1])
    sys.exit(0 if result.wasSuccessful() else 1)
