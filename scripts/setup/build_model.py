"""Writes the default embedding model as int8 ONNX from its published fp32 weights.

`setup.py` runs this file in a process of its own, because only here the fetched packages (numpy, onnx, onnxruntime,
safetensors) are importable:

    build_model.py WEIGHTS_DIR WORK_DIR OUTPUT_DIR

WEIGHTS_DIR holds the published model (`model.safetensors`, `config.json`, tokenizer files), WORK_DIR is scratch, and
OUTPUT_DIR receives the complete model directory. Nothing is written to OUTPUT_DIR before every check has passed.

The graph has the inputs `input_ids`, `attention_mask` and `token_type_ids` (int64, [batch, sequence]) and one output,
`sentence_embedding` (float, [batch, 384]): mean pooling and L2 normalisation happen inside it. fastembed 7.5 takes the
only output of a graph whatever its name, and both of its pooling modes (also its default when none is set) return a
two-dimensional output unchanged; it then normalises again, which does nothing to a vector of length one.
"""

import hashlib
import json
import logging
import os
import shutil
import sys

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file

MODEL_NAME = "all-minilm-l6-v2-int8"
MAX_TOKENS = 256
# The four files fastembed reads; the package ships them all. Its tokenizer.json pads and truncates to 128 tokens:
# fastembed replaces both settings, whoever uses the file directly has to do it as well.
TOKENIZER_FILES = ("tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json")

# Opset 20 is the first with Gelu as one operator. IR version 10 is what ONNX Runtime has read since 1.18: the version
# the onnx package would write by default may be newer than the runtime knows.
OPSET = 20
IR_VERSION = 10

MAX_DIFFERENCE_TO_REFERENCE = 1e-5
MIN_COSINE_INT8 = 0.97

CHECK_SENTENCES = (
    "the pod was killed because it ran out of memory",
    "OOMKilled container memory limit",
    "renew a TLS certificate",
    "ImagePullBackOff: failed to pull image, unauthorized: authentication required",
    "kubectl rollout undo deployment/web --to-revision=2",
    "The node is NotReady because the kubelet stopped posting status.",
    "PersistentVolumeClaim stays Pending: no storage class matches",
    "certificate has expired or is not yet valid",
    "How do I drain a node before maintenance?",
    "DNS",
    "etcd: mvcc: database space exceeded. Compact the revisions, defragment every member, then disarm the alarm; "
    "writes are refused until the alarm is cleared, reads still work.",
    "the service has no endpoints since its selector matches no pod labels",
)

# (query, nearer, farther)
CHECK_NEIGHBOURS = (
    (
        "the pod was killed because it ran out of memory",
        "OOMKilled container memory limit",
        "renew a TLS certificate",
    ),
    (
        "certificate has expired or is not yet valid",
        "renew a TLS certificate",
        "How do I drain a node before maintenance?",
    ),
    (
        "ImagePullBackOff: failed to pull image, unauthorized: authentication required",
        "the registry rejects the image pull secret",
        "the disk of the node is full",
    ),
    (
        "How do I drain a node before maintenance?",
        "cordon the node and evict its pods",
        "rotate the database password",
    ),
)


class CheckFailed(Exception):
    """The model that was written does not do what it should."""


def write_graph(weights, config):
    """The whole encoder as one fp32 ONNX model, from embeddings to the normalised sentence vector."""
    nodes, initializers = [], []
    hidden_size = config["hidden_size"]
    heads = config["num_attention_heads"]
    head_size = hidden_size // heads
    epsilon = config["layer_norm_eps"]

    def constant(name, array):
        initializers.append(numpy_helper.from_array(numpy.ascontiguousarray(array), name))
        return name

    def operator(op_type, inputs, name, **attributes):
        nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def linear(source, prefix, name):
        # PyTorch keeps [out, in]; MatMul wants [in, out].
        matrix = constant(name + ".weight", weights[prefix + ".weight"].T)
        bias = constant(name + ".bias", weights[prefix + ".bias"])
        return operator("Add", [operator("MatMul", [source, matrix], name + ".matmul"), bias], name)

    def layer_norm(source, prefix, name):
        scale = constant(name + ".scale", weights[prefix + ".weight"])
        bias = constant(name + ".bias", weights[prefix + ".bias"])
        return operator("LayerNormalization", [source, scale, bias], name, axis=-1, epsilon=epsilon)

    def integers(name, *values):
        return constant(name, numpy.array(values, dtype=numpy.int64))

    last_axis = integers("last_axis", -1)
    sequence_axis = integers("sequence_axis", 1)
    split_shape = integers("split_heads_shape", 0, 0, heads, head_size)
    merge_shape = integers("merge_heads_shape", 0, 0, hidden_size)

    word_table = constant("word_table", weights["embeddings.word_embeddings.weight"])
    type_table = constant("type_table", weights["embeddings.token_type_embeddings.weight"])
    position_table = constant("position_table", weights["embeddings.position_embeddings.weight"])
    words = operator("Gather", [word_table, "input_ids"], "words")
    types = operator("Gather", [type_table, "token_type_ids"], "types")
    # As many rows of the position table as the batch is long.
    length = operator("Shape", ["input_ids"], "sequence_length", start=1, end=2)
    rows = [integers("first", 0), length, integers("row_axis", 0)]
    positions = operator("Slice", [position_table] + rows, "positions")
    embedded = operator("Add", [operator("Add", [words, types], "words_and_types"), positions], "embedded")
    hidden = layer_norm(embedded, "embeddings.LayerNorm", "embeddings")

    mask = operator("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    # 0 where a token counts, -1e9 where it is padding: after softmax padding weighs nothing.
    one = constant("one", numpy.array(1.0, dtype=numpy.float32))
    large = constant("large", numpy.array(1e9, dtype=numpy.float32))
    penalty = operator("Mul", [operator("Sub", [mask, one], "mask_minus_one"), large], "penalty_rows")
    penalty = operator("Unsqueeze", [penalty, integers("head_and_query_axes", 1, 2)], "penalty")
    scale = constant("attention_scale", numpy.array(1.0 / numpy.sqrt(head_size), dtype=numpy.float32))

    for layer in range(config["num_hidden_layers"]):
        source = f"encoder.layer.{layer}"
        name = f"layer{layer}"

        def split_heads(part, permutation):
            projected = linear(hidden, f"{source}.attention.self.{part}", f"{name}.{part}")
            heads_last = operator("Reshape", [projected, split_shape], f"{name}.{part}.split")
            return operator("Transpose", [heads_last], f"{name}.{part}.heads", perm=permutation)

        query = split_heads("query", [0, 2, 1, 3])
        key = split_heads("key", [0, 2, 3, 1])
        value = split_heads("value", [0, 2, 1, 3])
        scores = operator("MatMul", [query, key], f"{name}.scores")
        scores = operator("Mul", [scores, scale], f"{name}.scaled_scores")
        scores = operator("Add", [scores, penalty], f"{name}.masked_scores")
        attention = operator("Softmax", [scores], f"{name}.attention", axis=-1)
        context = operator("MatMul", [attention, value], f"{name}.context")
        context = operator("Transpose", [context], f"{name}.context.rows", perm=[0, 2, 1, 3])
        context = operator("Reshape", [context, merge_shape], f"{name}.context.merged")
        projected = linear(context, f"{source}.attention.output.dense", f"{name}.attention_output")
        residual = operator("Add", [projected, hidden], f"{name}.attention_residual")
        attended = layer_norm(residual, f"{source}.attention.output.LayerNorm", f"{name}.attention_norm")
        wide = linear(attended, f"{source}.intermediate.dense", f"{name}.intermediate")
        wide = operator("Gelu", [wide], f"{name}.gelu", approximate="none")
        narrow = linear(wide, f"{source}.output.dense", f"{name}.output")
        residual = operator("Add", [narrow, attended], f"{name}.output_residual")
        hidden = layer_norm(residual, f"{source}.output.LayerNorm", f"{name}.output_norm")

    token_weights = operator("Unsqueeze", [mask, last_axis], "token_weights")
    weighted = operator("Mul", [hidden, token_weights], "weighted_tokens")
    total = operator("ReduceSum", [weighted, sequence_axis], "token_sum", keepdims=0)
    count = operator("ReduceSum", [mask, sequence_axis], "token_count", keepdims=1)
    # A text without tokens must not divide by zero.
    smallest_count = constant("smallest_count", numpy.array(1e-9, dtype=numpy.float32))
    count = operator("Max", [count, smallest_count], "safe_token_count")
    mean = operator("Div", [total, count], "mean_token")
    norm = operator("ReduceL2", [mean, last_axis], "norm", keepdims=1)
    smallest_norm = constant("smallest_norm", numpy.array(1e-12, dtype=numpy.float32))
    norm = operator("Max", [norm, smallest_norm], "safe_norm")
    operator("Div", [mean, norm], "sentence_embedding")

    graph = helper.make_graph(
        nodes,
        "all-minilm-l6-v2",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ],
        [helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", hidden_size])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="runbookd")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


def error_function(values):
    """erf in float64 to about 1e-16; numpy has none, and math.erf takes one number at a time."""
    from math import erf

    return numpy.frompyfunc(erf, 1, 1)(values).astype(numpy.float64)


def reference_embeddings(weights, config, batch):
    """The same encoder in numpy float64, written separately so that a slip in the graph shows."""
    tensors = {name: array.astype(numpy.float64) for name, array in weights.items() if array.dtype == numpy.float32}
    heads = config["num_attention_heads"]

    def linear(source, prefix):
        return source @ tensors[prefix + ".weight"].T + tensors[prefix + ".bias"]

    def layer_norm(source, prefix):
        centred = source - source.mean(axis=-1, keepdims=True)
        deviation = numpy.sqrt((centred**2).mean(axis=-1, keepdims=True) + config["layer_norm_eps"])
        return centred / deviation * tensors[prefix + ".weight"] + tensors[prefix + ".bias"]

    vectors = []
    # One text at a time, without its padding: this also checks that padding has no influence in the graph.
    for ids, mask in zip(batch["input_ids"], batch["attention_mask"]):
        ids = ids[: int(mask.sum())]
        hidden = tensors["embeddings.word_embeddings.weight"][ids]
        hidden = hidden + tensors["embeddings.position_embeddings.weight"][: len(ids)]
        hidden = hidden + tensors["embeddings.token_type_embeddings.weight"][0]
        hidden = layer_norm(hidden, "embeddings.LayerNorm")
        for layer in range(config["num_hidden_layers"]):
            prefix = f"encoder.layer.{layer}."
            query, key, value = (
                linear(hidden, f"{prefix}attention.self.{part}").reshape(len(ids), heads, -1).swapaxes(0, 1)
                for part in ("query", "key", "value")
            )
            scores = query @ key.swapaxes(1, 2) / numpy.sqrt(query.shape[-1])
            scores = numpy.exp(scores - scores.max(axis=-1, keepdims=True))
            attention = scores / scores.sum(axis=-1, keepdims=True)
            context = (attention @ value).swapaxes(0, 1).reshape(len(ids), -1)
            attended = linear(context, prefix + "attention.output.dense") + hidden
            attended = layer_norm(attended, prefix + "attention.output.LayerNorm")
            wide = linear(attended, prefix + "intermediate.dense")
            wide = wide * 0.5 * (1.0 + error_function(wide / numpy.sqrt(2.0)))
            hidden = linear(wide, prefix + "output.dense") + attended
            hidden = layer_norm(hidden, prefix + "output.LayerNorm")
        mean = hidden.mean(axis=0)
        vectors.append(mean / numpy.linalg.norm(mean))
    return numpy.stack(vectors)


def tokenize(vocabulary, text):
    """WordPiece for plain ASCII, enough for the sentences above; the real tokenizer is not needed to check a graph."""
    spaced = "".join(c if c.isalnum() or c.isspace() else f" {c} " for c in text.lower())
    ids = [vocabulary["[CLS]"]]
    for word in spaced.split():
        start, pieces = 0, []
        while start < len(word):
            prefix = "##" if start else ""
            end = next((e for e in range(len(word), start, -1) if prefix + word[start:e] in vocabulary), None)
            if end is None:
                pieces = [vocabulary["[UNK]"]]
                break
            pieces.append(vocabulary[prefix + word[start:end]])
            start = end
        ids.extend(pieces)
    return ids + [vocabulary["[SEP]"]]


def make_batch(vocabulary, texts):
    rows = [tokenize(vocabulary, text) for text in texts]
    longest = max(len(row) for row in rows)
    ids = numpy.array([row + [0] * (longest - len(row)) for row in rows], dtype=numpy.int64)
    mask = numpy.array([[1] * len(row) + [0] * (longest - len(row)) for row in rows], dtype=numpy.int64)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}


def open_session(model_path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model_path, options, providers=["CPUExecutionProvider"])


def embed(session, batch):
    outputs = session.run(None, batch)
    if len(outputs) != 1 or outputs[0].ndim != 2:
        raise CheckFailed(f"the model has {len(outputs)} outputs, the first of shape {outputs[0].shape}")
    return outputs[0]


def quantize(fp32_path, int8_path):
    """Signed weights per channel: per tensor costs far more accuracy, unsigned weights run at half the speed.

    All eight bits are used. Processors with AVX2 but without VNNI add pairs of products in 16 bits, which saturate; in
    this model that happens to about one pair in 70,000 and costs less than the seven bits of `reduce_range` would
    (simulated: mean cosine to fp32 0.991 with saturation, 0.992 without; 0.991 with `reduce_range` on any processor).
    """
    # The quantiser recommends shape inference by a log warning on every call; this graph needs none.
    logging.disable(logging.WARNING)
    quantize_dynamic(fp32_path, int8_path, weight_type=QuantType.QInt8, per_channel=True)


def check_neighbours(session, vocabulary):
    for query, nearer, farther in CHECK_NEIGHBOURS:
        vectors = embed(session, make_batch(vocabulary, [query, nearer, farther]))
        near, far = vectors[1] @ vectors[0], vectors[2] @ vectors[0]
        if not near > far:
            raise CheckFailed(f"'{query}' is nearer to '{farther}' ({far:.3f}) than to '{nearer}' ({near:.3f})")


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def progress(text):
    # setup.py shows each line of stdout to the user.
    print(text, flush=True)


def build(weights_dir, work_dir, output_dir):
    with open(os.path.join(weights_dir, "config.json"), encoding="utf-8") as stream:
        config = json.load(stream)
    with open(os.path.join(weights_dir, "tokenizer.json"), encoding="utf-8") as stream:
        vocabulary = json.load(stream)["model"]["vocab"]
    weights = load_file(os.path.join(weights_dir, "model.safetensors"))
    batch = make_batch(vocabulary, CHECK_SENTENCES)

    progress("writing the model graph and checking it against a float64 reference")
    fp32_path = os.path.join(work_dir, "fp32.onnx")
    onnx.save(write_graph(weights, config), fp32_path)
    fp32 = embed(open_session(fp32_path), batch)
    difference = float(numpy.abs(fp32 - reference_embeddings(weights, config, batch)).max())
    if not difference < MAX_DIFFERENCE_TO_REFERENCE:
        raise CheckFailed(f"the fp32 graph differs from the reference by {difference:.2e}")

    progress("quantising the model to int8 and checking it")
    int8_path = os.path.join(work_dir, "model.onnx")
    quantize(fp32_path, int8_path)
    session = open_session(int8_path)
    cosines = (embed(session, batch) * fp32).sum(axis=1)
    if not cosines.min() > MIN_COSINE_INT8:
        raise CheckFailed(f"the int8 model's cosine to fp32 falls to {cosines.min():.4f}")
    check_neighbours(session, vocabulary)
    progress(
        f"model checked: fp32 within {difference:.1e} of the reference, "
        f"int8 cosine to fp32 mean {cosines.mean():.4f}, lowest {cosines.min():.4f}"
    )

    os.mkdir(output_dir)
    shutil.copyfile(int8_path, os.path.join(output_dir, "model.onnx"))
    for name in TOKENIZER_FILES:
        shutil.copyfile(os.path.join(weights_dir, name), os.path.join(output_dir, name))
    files = {name: sha256_of(os.path.join(output_dir, name)) for name in ("model.onnx",) + TOKENIZER_FILES}
    description = {
        "format": 1,
        "name": MODEL_NAME,
        "dimensions": config["hidden_size"],
        "max_tokens": MAX_TOKENS,
        "pooling": "in-graph",
        "query_prefix": "",
        "passage_prefix": "",
        "license": "Apache-2.0",
        "sha256": files["model.onnx"],
        "files": files,
    }
    with open(os.path.join(output_dir, "embedder.json"), "w", encoding="utf-8") as stream:
        json.dump(description, stream, indent=2)
        stream.write("\n")


if __name__ == "__main__":
    try:
        build(*sys.argv[1:])
    except CheckFailed as failure:
        print(f"the model failed its check: {failure}", file=sys.stderr)
        sys.exit(1)
