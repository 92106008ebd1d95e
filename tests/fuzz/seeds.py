#!/usr/bin/env python3
"""Small well-formed files for the fuzz targets to begin from.

  tests/fuzz/seeds.py FOLDER      writes FOLDER/TARGET/NAME
"""
import io
import json
import pathlib
import struct
import sys
import zipfile
import zlib

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"


def gguf_string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def gguf_value(value):
    """Type and bytes of a metadata value."""
    if isinstance(value, bool):
        return struct.pack("<IB", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + gguf_string(value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(gguf_string, value))
    return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)


def gguf(metadata, tensors):
    """tensors: name -> (shape innermost first, ggml type, bytes)."""
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        out += gguf_string(key) + gguf_value(value)
    data = b""
    for name, (shape, kind, content) in tensors.items():
        out += gguf_string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += content + bytes(-len(content) % 32)
    return out + bytes(-len(out) % 32) + data


def tokenizer_keys(model, pre, tokens):
    keys = {
        "tokenizer.ggml.model": model,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3] + [1] * (len(tokens) - 1),
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 0,
        "tokenizer.chat_template": "{% for m in messages %}<|im_start|>{{ m.role }}{% endfor %}",
    }
    if pre:
        keys["tokenizer.ggml.pre"] = pre
        keys["tokenizer.ggml.merges"] = ["a b", "ab c"]
    return keys


def dense_gguf(architecture):
    shape = {"block_count": 1, "embedding_length": 32, "attention.head_count": 2,
             "attention.head_count_kv": 1, "feed_forward_length": 32, "context_length": 64,
             "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 10000.0}
    tokens = ["<|im_end|>", "a", "b", "c", "ab", "abc", "Ġ", "<0x0A>"]
    metadata = {"general.architecture": architecture}
    metadata.update({f"{architecture}.{key}": value for key, value in shape.items()})
    metadata.update(tokenizer_keys("gpt2", "qwen2" if architecture == "qwen2" else "llama-bpe", tokens))
    return gguf(metadata, {"token_embd.weight": ([32, 8], 0, bytes(32 * 8 * 4)),
                           "output_norm.weight": ([32], 0, bytes(32 * 4)),
                           "blk.0.ffn_gate.weight": ([32, 32], 8, bytes(32 * 34)),
                           "blk.0.attn_q.weight": ([32, 32], 1, bytes(32 * 32 * 2))})


def deepseek_gguf():
    shape = {"block_count": 2, "embedding_length": 32, "attention.head_count": 2,
             "attention.head_count_kv": 2, "feed_forward_length": 32, "context_length": 64,
             "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 10000.0,
             "attention.q_lora_rank": 8, "attention.kv_lora_rank": 16, "attention.key_length": 24,
             "attention.value_length": 16, "rope.dimension_count": 8, "expert_count": 4,
             "expert_used_count": 2, "expert_shared_count": 1, "expert_feed_forward_length": 16,
             "leading_dense_block_count": 1, "expert_weights_scale": 1.5, "expert_weights_norm": True,
             "expert_gating_func": 2, "expert_group_count": 2, "expert_group_used_count": 1,
             "nextn_predict_layers": 1, "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
             "rope.scaling.original_context_length": 16,
             "rope.scaling.yarn_log_multiplier": 0.1}
    tokens = ["<end>", "a", "b", "c", "ab", "abc", "Ġ", "Ċ"]
    metadata = {"general.architecture": "deepseek2"}
    metadata.update({f"deepseek2.{key}": value for key, value in shape.items()})
    metadata.update(tokenizer_keys("gpt2", "deepseek-v3", tokens))
    return gguf(metadata, {"token_embd.weight": ([32, 8], 0, bytes(32 * 8 * 4)),
                           "blk.1.ffn_gate_exps.weight": ([32, 16, 4], 0, bytes(32 * 16 * 4 * 4)),
                           "blk.1.attn_k_b.weight": ([16, 16, 2], 0, bytes(16 * 16 * 2 * 4))})


def safetensors(tensors):
    """tensors: name -> (dtype, shape, bytes)."""
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def folder(config, index, tokenizer_config, weights):
    return b"----\n".join([config, index, tokenizer_config, weights])


def folders():
    weights = safetensors({"model.embed_tokens.weight": ("BF16", [8, 16], bytes(256)),
                           "model.norm.weight": ("F32", [16], bytes(64))})
    dense = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 16,
             "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
             "num_key_value_heads": 1, "vocab_size": 8, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
             "max_position_embeddings": 64, "tie_word_embeddings": True, "hidden_act": "silu"}
    index = {"weight_map": {"model.norm.weight": "model.safetensors",
                            "model.embed_tokens.weight": "model.safetensors"}}
    chat = {"chat_template": "{{ bos_token }}", "add_bos_token": True}
    yield "qwen2", folder(json.dumps(dense).encode(), b"", json.dumps(chat).encode(), weights)
    yield "indexed", folder(json.dumps(dense).encode(), json.dumps(index).encode(), b"", weights)
    for path in sorted((GOLDEN / "configs").glob("*.json")):
        yield path.stem, folder(path.read_bytes(), b"", b"", weights)


def tokenizers():
    added = [{"id": 0, "content": "<s>", "special": True, "single_word": False, "lstrip": False,
              "rstrip": False, "normalized": False}]
    vocabulary = {"<s>": 0, "a": 1, "b": 2, "ab": 3, "Ġ": 4, "Ċ": 5}
    yield "bpe", {"version": "1.0", "added_tokens": added, "normalizer": {"type": "NFC"},
                  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                                    "use_regex": True},
                  "post_processor": None, "decoder": {"type": "ByteLevel"},
                  "model": {"type": "BPE", "vocab": vocabulary, "merges": ["a b"], "dropout": None,
                            "unk_token": None, "byte_fallback": False, "fuse_unk": False}}
    pieces = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "##b": 5}
    yield "word_piece", {"version": "1.0", "added_tokens": [],
                         "normalizer": {"type": "BertNormalizer", "clean_text": True,
                                        "handle_chinese_chars": True, "strip_accents": None,
                                        "lowercase": True},
                         "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None,
                         "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
                         "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": pieces,
                                   "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}}
    yield "unigram", {"version": "1.0", "added_tokens": added, "normalizer": None,
                      "pre_tokenizer": {"type": "Metaspace", "replacement": "▁",
                                        "prepend_scheme": "always", "split": True},
                      "post_processor": None,
                      "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always",
                                  "split": True},
                      "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False,
                                "vocab": [["<s>", 0.0], ["▁", -2.0], ["a", -1.5], ["ab", -1.0]]}}


def manifest():
    digest = "0123456789abcdef" * 4
    return {"format": 1, "id": "small", "kind": "chat", "architecture": "llama",
            "files": [{"name": "model.gguf", "size_bytes": 5, "sha256": digest}],
            "tokenizer_sha256": digest, "chat_template_sha256": digest,
            "imported_unix_ms": 1700000000000, "imported_by": "admin"}


def docx():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml",
                         '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
                         '<w:body><w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Title</w:t></w:r>'
                         "</w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
                         "</w:body></w:document>")
    return out.getvalue()


MAIL = (b"From: =?utf-8?B?5Lit?= <a@b>\nSubject: s\nContent-Type: multipart/mixed; boundary=m\n\n--m\n"
        b"Content-Type: text/html; charset=gb2312\nContent-Transfer-Encoding: quoted-printable\n\n"
        b"<p>=D6=D0</p>\n--m\nContent-Disposition: attachment; filename*0*=utf-8''%E4%B8; filename*1=x.csv\n"
        b"Content-Transfer-Encoding: base64\n\nYSxiCjEsMgo=\n--m\nContent-Type: message/rfc822\n\n"
        b"Subject: inner\n\nbody\n--m--\n")

SHEET = (b'<worksheet><cols><col min="4" max="5" hidden="1"/></cols><sheetData><row r="1"><c r="A1" '
         b't="inlineStr"><is><t>a</t></is></c><c t="str"><f>A1</f><v>b</v></c></row><row r="2"><c r="A2">'
         b'<v>1.5</v></c><c r="B2" t="b"><v>1</v></c></row></sheetData><mergeCells><mergeCell ref="A1:A2"/>'
         b"</mergeCells></worksheet>")

SLIDE = (b'<sld><cSld><spTree><sp><nvSpPr><nvPr><ph type="title"/></nvPr></nvSpPr><txBody><p><r><t>a</t></r></p>'
         b'</txBody></sp><grpSp><sp><txBody><p><pPr><buAutoNum type="arabicPeriod"/></pPr><r><t>b</t></r></p>'
         b"</txBody></sp></grpSp><graphicFrame><graphic><graphicData><tbl><tr><tc><txBody><p><r><t>c</t></r></p>"
         b"</txBody></tc></tr></tbl></graphicData></graphic></graphicFrame></spTree></cSld></sld>")


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes([255, 0] * 16) for _ in range(32))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def tiff():
    entries = [(256, 4, 16), (257, 4, 16), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8),
               (278, 4, 16), (279, 4, 256)]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 264) + bytes(range(256)) + directory + bytes(4)


def segment():
    """Two chunks of four dimensions with one term; the target puts the checksums right."""
    block = struct.pack("<IIIIHBB", 1, 0, 2, 3, 2, 0, 1)  # slots 0 and 1, counts 1 and 2
    sections = [struct.pack("<QQ", 7, 9), struct.pack("<II", 3, 4), bytes([0, 1]), b"\0zh\0",
                struct.pack("<8f", 1, 0, 0, 0, 0, 1, 0, 0), bytes([127] + [0] * 64 + [127] + [0] * 62),
                struct.pack("<2f", 1 / 127, 1 / 127), bytes(8), struct.pack("<QII", 0x4E2D, 0, 2),
                block, bytes([2]) + bytes(8), b""]
    head = 56 + 256 + 24 * len(sections)
    offset = (head + 63) // 64 * 64
    table, body = b"", b""
    for content in sections:
        table += struct.pack("<QQII", offset + len(body), len(content), 0, 0)
        body += content + bytes(-len(content) % 64)
    header = b"HADALSEG" + struct.pack("<IIQQIIIIfI", 1, 0, 1, offset + len(body), 4, 2, 1, 0, 1.0, 0)
    return (header + b"m".ljust(256, b"\0") + table).ljust(offset, b"\0") + body


def seeds():
    yield "gguf_fuzz", "qwen2", dense_gguf("qwen2")
    yield "gguf_fuzz", "llama", dense_gguf("llama")
    yield "gguf_fuzz", "deepseek2", deepseek_gguf()
    yield "safetensors_fuzz", "two", safetensors({"a": ("F32", [2, 2], bytes(16)), "b": ("I64", [1], bytes(8))})
    for name, content in folders():
        yield "hf_folder_fuzz", name, content
    for name, content in tokenizers():
        yield "tokenizer_json_fuzz", name, json.dumps(content, ensure_ascii=False).encode()
    yield "manifest_fuzz", "small", json.dumps(manifest()).encode()
    yield "constraint_fuzz", "schema", b"\0" + json.dumps({
        "type": "object", "properties": {"a": {"type": "integer", "minimum": 3},
                                         "b": {"enum": ["x", None]}, "c": {"$ref": "#/$defs/d"}},
        "required": ["a"], "$defs": {"d": {"type": "array", "items": {"type": "string"}}}}).encode()
    yield "constraint_fuzz", "regex", b"\1[a-h]{3,20}(x|yz)?\\d+(\\w|\\s)*"
    yield "html_fuzz", "page", ("<html><head><title>T</title></head><body><h1>A</h1><p>b <b>c</b></p><table>"
                                "<tr><th>d</th><td>e</td></tr></table><ul><li>f</li></ul></body></html>").encode()
    yield "markdown_fuzz", "page", b"# A\n\nb *c* `d`\n\n| e | f |\n| - | - |\n| 1 | 2 |\n\n- g\n  - h\n\n```\ni\n```\n"
    yield "chunk_fuzz", "regulation", "\x60\x30aT\n\x05第一章 总则\n\x00第一条 要求如下：\n\x00（一）甲；\n\x00（二）乙。\n" \
        "\x00问：何时？\n\x00答：六年。\n\x00表1 周期\n\x03类别 | 周期\n\x03一类 | 六年\n".encode()
    yield "clean_fuzz", "notice", "机密★3年\n青岚数发〔2025〕第27號 签发人：甲\n关于印发办法的通知\n各区政府：\n" \
        "本办法自2025年5月1日起施行，有效期5年。\n青岚市数据局\n二〇二五年三月五日\n抄送：市委办公室。\n" \
        "trans-\nformer ｶﾞ 通 知 ①\u0301".encode()
    yield "text_fuzz", "utf8", "第一章 总则\n\n1.1 a\n".encode()
    yield "text_fuzz", "gb18030", "第一章 总则\n".encode("gb18030")
    yield "docx_fuzz", "document", docx()
    yield "csv_fuzz", "table", 'sep=;\n标题;;\n项目;"数""值"\n甲;1,5\n"b\nc";2\n'.encode()
    yield "eml_fuzz", "mixed", MAIL
    yield "cell_format_fuzz", "number", struct.pack("<d", 1234.5) + b'[>9]#,##0.00,;[Red]-0.0E+0;"x"@'
    yield "cell_format_fuzz", "date", struct.pack("<d", 45750.7) + b"yyyy/mm/dd [h]:mm:ss.0 AM/PM aaaa"
    yield "xlsx_fuzz", "sheet", SHEET
    yield "pptx_fuzz", "slide", SLIDE
    yield "ocr_page_fuzz", "page", ("4\t1\t1\t1\t1\t0\t100\t200\t600\t40\t-1\t\n"
                                    "5\t1\t1\t1\t1\t1\t100\t200\t80\t40\t93.5\t名称\n"
                                    "5\t1\t1\t1\t1\t2\t400\t200\t80\t40\t91\t1份\n").encode()
    yield "image_fuzz", "png", png()
    yield "image_fuzz", "tiff", tiff()
    yield "segment_fuzz", "two", segment()
    yield "pdf_page_fuzz", "page", ('<page width="595" height="842">\n<word xMin="50" yMin="60" xMax="90" '
                                    'yMax="72">Title</word>\n</page>\n').encode()


def main():
    out = pathlib.Path(sys.argv[1])
    for target, name, content in seeds():
        path = out / target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


main()
