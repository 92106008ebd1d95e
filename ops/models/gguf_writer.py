"""Writes GGUF version 3 (the ggml project's docs/gguf.md). Same input, same bytes."""
import struct
from collections.abc import Callable, Iterable
from typing import BinaryIO

ALIGNMENT = 32
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
F32, Q4_0 = 0, 2


def _string(value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


_SCALARS: dict[int, Callable] = {
    UINT32: lambda v: struct.pack("<I", v),
    INT32: lambda v: struct.pack("<i", v),
    FLOAT32: lambda v: struct.pack("<f", v),
    BOOL: lambda v: struct.pack("<?", v),
    STRING: _string,
}


class GgufWriter:
    def __init__(self) -> None:
        self._metadata: list[bytes] = []
        self._infos: list[bytes] = []
        self._data: list[bytes | memoryview] = []
        self._offset = 0

    def add(self, key: str, kind: int, value) -> None:
        self._metadata.append(_string(key) + struct.pack("<I", kind) + _SCALARS[kind](value))

    def add_array(self, key: str, kind: int, values: Iterable) -> None:
        encoded = [_SCALARS[kind](value) for value in values]
        self._metadata.append(_string(key) + struct.pack("<IIQ", ARRAY, kind, len(encoded)) +
                              b"".join(encoded))

    def add_tensor(self, name: str, kind: int, shape: tuple[int, ...], data) -> None:
        """shape: outermost dimension first, as numpy has it; the file has the reverse."""
        self._infos.append(_string(name) + struct.pack("<I", len(shape)) +
                           b"".join(struct.pack("<Q", n) for n in reversed(shape)) +
                           struct.pack("<IQ", kind, self._offset))
        padding = -len(data) % ALIGNMENT
        self._data += [data, bytes(padding)]
        self._offset += len(data) + padding

    def write(self, out: BinaryIO) -> None:
        header = b"GGUF" + struct.pack("<IQQ", 3, len(self._infos), len(self._metadata))
        header += b"".join(self._metadata) + b"".join(self._infos)
        out.write(header + bytes(-len(header) % ALIGNMENT))
        for piece in self._data:
            out.write(piece)
