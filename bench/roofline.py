#!/usr/bin/env python3
"""Limits of speed from a model's shapes and a machine's peaks (docs/design/engine-performance.md).

A step of `rows` tokens is a row of parts that run one after the other; each takes as long as its
bytes at the speed of memory or its operations at the speed of arithmetic, whichever is longer.
Weights are read once a step, of routed experts those that `rows` tokens choose when each is as
likely, KV once a row. Nothing else takes time: what an engine reaches of that is its own affair.

  bench/roofline.py local --model model.gguf --threads 2     limits of a GGUF file on this machine
  bench/roofline.py server --config deepseek_v3/config.json  DeepSeek-V3 on two sockets, one GPU

`local` runs hadal-model twice: for the tensors, and for the machine's measured peaks.
"""

import argparse
import dataclasses
import json
import re

import measuring


@dataclasses.dataclass
class Part:
    """Matrices of one kind, over all layers."""
    name: str
    weights: float           # numbers; of experts those of all experts
    chosen: float = 1        # share of them that one token meets
    bits: float = 8          # of a weight
    kv_values: float = 0     # numbers of the cache a row and position reads
    kv_multiply_adds: float = 0  # a row and position

    def bytes(self, rows, context):
        read = 1 - (1 - self.chosen) ** rows
        return self.weights * read * self.bits / 8 + 2 * rows * context * self.kv_values

    def matrix_ops(self, rows):
        return 2 * rows * self.weights * self.chosen

    def float_ops(self, rows, context):
        return 2 * rows * context * self.kv_multiply_adds


@dataclasses.dataclass
class Device:
    """Peaks of one place where parts run. Attention is float arithmetic."""
    gb_per_second: float
    gop_per_second: float
    float_gop_per_second: float

    def seconds(self, part, rows, context):
        memory = part.bytes(rows, context) / (self.gb_per_second * 1e9)
        arithmetic = (part.matrix_ops(rows) / (self.gop_per_second * 1e9)
                      + part.float_ops(rows, context) / (self.float_gop_per_second * 1e9))
        return max(memory, arithmetic)

    def scaled(self, bandwidth, arithmetic):
        return Device(self.gb_per_second * bandwidth, self.gop_per_second * arithmetic,
                      self.float_gop_per_second * arithmetic)


def deepseek_parts(config, bits):
    """Parts of a DeepSeek-V3 config.json; every matrix has `bits` a weight, routers have 32."""
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    heads, latent = config["num_attention_heads"], config["kv_lora_rank"]
    rope, nope = config["qk_rope_head_dim"], config["qk_nope_head_dim"]
    value, q_rank = config["v_head_dim"], config["q_lora_rank"]
    dense = config["first_k_dense_replace"]
    experts, width = config["n_routed_experts"], config["moe_intermediate_size"]
    attention = (hidden * q_rank + q_rank * heads * (nope + rope) + hidden * (latent + rope)
                 + latent * heads * (nope + value) + heads * value * hidden)
    return [
        Part("attention", layers * attention, bits=bits, kv_values=layers * (latent + rope),
             kv_multiply_adds=layers * heads * (2 * latent + rope)),
        Part("dense MLPs", dense * 3 * hidden * config["intermediate_size"], bits=bits),
        Part("routers", (layers - dense) * experts * hidden, bits=32),
        Part("shared experts",
             (layers - dense) * config["n_shared_experts"] * 3 * hidden * width, bits=bits),
        Part("routed experts", (layers - dense) * experts * 3 * hidden * width,
             chosen=config["num_experts_per_tok"] / experts, bits=bits),
        Part("output", config["vocab_size"] * hidden, bits=bits),
    ]


def step_seconds(parts, place, rows, context, logits=None):
    """`place`: part name to Device; the output projection meets `logits` rows (all, if None)."""
    return sum(place(part).seconds(part, rows if logits is None or part.name != "output" else logits,
                                   context) for part in parts)


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


# ---- DeepSeek-V3 on a server --------------------------------------------------------------------

BANDWIDTH_REACHED = 0.85   # of the nominal one: SGLang on two Xeon 6980P
ARITHMETIC_REACHED = 0.60  # the aim of our kernels
GPU_TRIP = 20e-6           # seconds a layer with routed experts, there and back over PCIe
MTP_ACCEPTED = 0.85        # of the second token (arXiv:2412.19437, 5.4.3: 85 to 90 %)


def cpu(channels, gigatransfers, cores, gop_per_core, float_gop_per_core):
    """All sockets together, each reading its own half of every matrix."""
    return Device(channels * gigatransfers * 8, cores * gop_per_core, cores * float_gop_per_core)


# Per core at 2.5 GHz: float32 FMA 160 Gop/s, int8 VNNI 640, AMX BF16 2,560, AMX int8 5,120.
GPU_80 = Device(3350, 1_500_000, 800_000)  # H100-like, FP8
GPU_24 = Device(1008, 300_000, 150_000)    # 4090-like


def server_rows(config, kind, bits, gop_per_core, gigatransfers):
    machine = cpu(24, gigatransfers, 128, gop_per_core, 160)
    parts = deepseek_parts(config, bits)
    routed_layers = config["num_hidden_layers"] - config["first_k_dense_replace"]
    for gpu_name, gpu in (("none", None), ("80 GB, 3.35 TB/s", GPU_80), ("24 GB, 1 TB/s", GPU_24)):
        if gpu is GPU_24 and sum(p.weights * p.bits for p in parts if p.chosen == 1) > 8 * 22e9:
            continue

        def seconds(rows, context, bandwidth, arithmetic, logits=None):
            slow = machine.scaled(bandwidth, arithmetic)
            fast = gpu.scaled(bandwidth, arithmetic) if gpu else slow
            trips = routed_layers * GPU_TRIP if gpu else 0
            return trips + step_seconds(parts, lambda p: slow if p.chosen < 1 else fast, rows,
                                        context, logits)

        def generation(rows):
            return [f"{rows / seconds(rows, 2000, 1, 1):.0f} / "
                    f"{rows / seconds(rows, 2000, BANDWIDTH_REACHED, ARITHMETIC_REACHED):.0f}"]

        drafted = (1 + MTP_ACCEPTED) / seconds(2, 2000, BANDWIDTH_REACHED, ARITHMETIC_REACHED)
        prompt = [f"{2048 / seconds(2048, 1024, b, a, 1):.0f}"
                  for b, a in ((1, 1), (BANDWIDTH_REACHED, ARITHMETIC_REACHED))]
        yield [f"{kind}, DDR5-{gigatransfers * 1000:.0f}", gpu_name, *generation(1),
               f"{drafted:.0f}", *generation(8), *generation(32), " / ".join(prompt)]


# Published: who, bits, CPU, GPU or None, context, tokens/s of one stream (../shared/notes/engine.md,
# section 2, from SGLang's and KTransformers' own pages and users' reports).
PUBLISHED = [
    ("SGLang, INT8, two Xeon 6980P, MRDIMM-8800", 8, cpu(24, 8.8, 256, 5120, 160), None, 1536,
     1 / 0.0680),
    ("SGLang, FP8, the same", 8, cpu(24, 8.8, 256, 2560, 160), None, 1536, 1 / 0.0777),
    ("llama.cpp, Q8_0, one socket of it", 8.5, cpu(12, 8.8, 128, 640, 160), None, 1536, 1 / 0.172),
    ("KTransformers 0.2, Q4_K_M, two Xeon 6454S, DDR5-4800, 4090D", 4.8,
     cpu(16, 4.8, 64, 640, 160), GPU_24, 500, 12.2),
    ("the same, one socket", 4.8, cpu(8, 4.8, 32, 640, 160), GPU_24, 500, 8.73),
    ("llama.cpp on the two sockets", 4.8, cpu(16, 4.8, 64, 640, 160), None, 500, 4.51),
    ("KTransformers, Q4, one EPYC 9654, DDR5-4800, 4090 (a user)", 4.8, cpu(12, 4.8, 96, 640, 160),
     GPU_24, 1000, 14),
    ("the same at 10,000 tokens", 4.8, cpu(12, 4.8, 96, 640, 160), GPU_24, 10000, 10),
]


def published_rows(config):
    layers = config["num_hidden_layers"]
    for name, bits, machine, gpu, context, reached in PUBLISHED:
        parts = deepseek_parts(config, bits)
        seconds = step_seconds(parts, lambda p: machine if gpu is None or p.chosen < 1 else gpu, 1,
                               context)
        lost = (1 / reached - seconds) / layers
        yield [name, f"{machine.gb_per_second:,.0f}", f"{1 / seconds:.1f}", f"{reached:.1f}",
               f"{100 * reached * seconds:.0f} %", f"{1000 * lost:.2f}"]


def server(args):
    with open(args.config, encoding="utf-8") as file:
        config = json.load(file)
    if "kv_lora_rank" not in config or not config.get("q_lora_rank"):
        sys.exit(f"{args.config}: expected the config.json of DeepSeek-V3 or R1, with q_lora_rank "
                 "and kv_lora_rank")
    parts = deepseek_parts(config, 8)
    print("One token, FP8:\n")
    table(["part", "weights", "read", "multiply-adds", "share of the bytes"],
          [[p.name, f"{p.weights / 1e9:.2f} G", f"{p.bytes(1, 0) / 1e9:.2f} GB",
            f"{p.matrix_ops(1) / 2e9:.2f} G",
            f"{100 * p.bytes(1, 0) / sum(q.bytes(1, 0) for q in parts):.0f} %"] for p in parts])
    print("Two sockets of 64 cores and 12 channels, tokens/s: limit / with 85 % of bandwidth and "
          "60 % of arithmetic\n")
    rows = []
    for kind, bits, gop in (("FP8 as float32", 8, 160), ("FP8 by AMX BF16", 8, 2560),
                            ("Q4 by VNNI", 4.8, 640), ("Q4 by AMX int8", 4.8, 5120)):
        rows += server_rows(config, kind, bits, gop, 4.8)
    rows += server_rows(config, "Q4 by VNNI", 4.8, 640, 6.4)
    table(["weights and arithmetic", "GPU", "1 stream", "with MTP", "8 streams", "32 streams",
           "prompt of 2,048"], rows)
    print("Published figures of one stream beside the same limit:\n")
    table(["engine", "GB/s", "limit", "published", "share", "lost a layer, ms"],
          list(published_rows(config)))


# ---- a GGUF file on this machine ----------------------------------------------------------------

def hadal_model(args, *rest):
    return json.loads(measuring.run([args.hadal_model, *rest]).out)


# The first that fits; one expert is "ffn_up.7", as the checkpoint names it.
FAMILIES = (("routed experts", r"ffn_(gate|up|down)\.\d+\."), ("shared experts", r"_shexp\."),
            ("router", r"ffn_gate_inp\."), ("gate, up", r"ffn_(gate|up)\."),
            ("down", r"ffn_down\."), ("attention output", r"attn_output\."),
            ("q, k, v", r"attn_[qkv]\."), ("latent attention", r"attn_(q_[ab]|kv_a_mqa|kv_b)\."))
# Bits of a stored weight (ggml's block formats).
BITS = {"F32": 32, "F16": 16, "BF16": 16, "Q8_0": 8.5, "Q4_0": 4.5, "Q4_1": 5, "Q5_0": 5.5,
        "Q5_1": 6, "F8_E4M3": 8, "Q4_K": 4.5, "Q5_K": 5.5, "Q6_K": 6.5625}


def family(tensor, layers, has_output):
    name = tensor["name"]
    if name == "output.weight" or (name == "token_embd.weight" and not has_output):
        return "output"
    layer = re.match(r"blk\.(\d+)\.", name)
    if not layer or int(layer[1]) >= layers or len(tensor["shape"]) < 2:  # behind them: MTP
        return None
    return next((kind for kind, pattern in FAMILIES if re.search(pattern, name)), None)


def gguf_parts(model):
    """One part for every kind of matrix and stored type. Tables that are only looked up have none."""
    parts = {}
    has_output = any(t["name"] == "output.weight" for t in model["tensors"])
    chosen = model.get("experts_per_token", 0) / max(1, model.get("experts", 0))
    for tensor in model["tensors"]:
        kind = family(tensor, model["layers"], has_output)
        if kind is None:
            continue
        weights = 1
        for size in tensor["shape"]:
            weights *= size
        key = f"{kind}, {tensor['type']}"
        part = parts.setdefault(key, Part(key, 0, bits=BITS[tensor["type"]],
                                          chosen=chosen if kind == "routed experts" else 1))
        part.weights += weights
    return sorted(parts.values(), key=lambda part: part.name)


def local(args):
    model = hadal_model(args, "inspect", args.model, "--tensors", "--json")
    bench = hadal_model(args, "bench", args.model, "--threads", str(args.threads), "--json",
                        "--prompt", str(args.prompt), "--gen", "32", "--streams", "8")
    peaks = bench["machine"]
    bandwidth = peaks["read_gb_per_second"]
    print(f"{args.threads} threads: {bandwidth:.1f} GB/s, "
          + ", ".join(f"int8 {isa} {gop:,.0f} Gop/s"
                      for isa, gop in peaks["int8_gop_per_second"].items()) + "\n")
    rows = []
    for part in gguf_parts(model):
        logits = 1 if part.name.startswith("output") else args.prompt
        one = part.bytes(1, 0) / (bandwidth * 1e9)
        rows.append([part.name, f"{part.weights / 1e6:.1f} M", f"{part.bytes(1, 0) / 1e6:.1f} MB",
                     f"{1000 * one:.2f} ms"]
                    + [f"{1000 * part.matrix_ops(logits) / (gop * 1e9):.1f} ms"
                       for gop in peaks["int8_gop_per_second"].values()])
    isas = list(peaks["int8_gop_per_second"])
    table(["matrices", "weights", "read a token", "limit, one token"]
          + [f"limit, prompt of {args.prompt}, {isa}" for isa in isas], rows)
    generation, prompt = bench["generation"], bench["prompts"][0]
    streams = bench["streams"][0]
    work = [["generation, one stream", f"{generation['bytes_per_token'] / 1e6:.0f} MB",
             f"{bandwidth * 1e9 / generation['bytes_per_token']:.0f}",
             f"{generation['tokens_per_second']:.0f}",
             f"{100 * generation['share_of_bandwidth']:.0f} %"],
            ["generation, 8 streams", f"{streams['bytes_per_token'] / 1e6:.0f} MB",
             f"{bandwidth * 1e9 / streams['bytes_per_token']:.0f}",
             f"{streams['tokens_per_second']:.0f}",
             f"{100 * streams['share_of_bandwidth']:.0f} %"]]
    for isa, gop in peaks["int8_gop_per_second"].items():
        work.append([f"prompt of {args.prompt}, int8 {isa}",
                     f"{prompt['multiply_adds_per_token'] / 1e6:.0f} M multiply-adds",
                     f"{gop * 1e9 / 2 / prompt['multiply_adds_per_token']:.0f}",
                     f"{prompt['tokens_per_second']:.0f}",
                     f"{100 * prompt['share_of_int8'][isa]:.0f} %"])
    table(["work", "a token", "limit, tokens/s", "reached", "share"], work)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    here = commands.add_parser("local")
    here.add_argument("--model", required=True, help="a GGUF file")
    here.add_argument("--threads", type=int, default=2)
    here.add_argument("--prompt", type=int, default=512)
    here.add_argument("--hadal-model", default="build/release/bin/hadal-model")
    there = commands.add_parser("server")
    there.add_argument("--config", default="tests/golden/configs/deepseek_v3.json")
    args = parser.parse_args()
    if args.command == "local":
        measuring.find_paths(here, args, "model", "hadal_model")
    {"local": local, "server": server}[args.command](args)


if __name__ == "__main__":
    main()
