"""Cells and features in words: "int16 activations, int8 weights per channel, rank 6"."""

from __future__ import annotations

TYPES = {
    "f32": "float32",
    "f16": "float16",
    "f64": "float64",
    "i64": "int64",
    "i32": "int32",
    "s16": "int16",
    "u16": "uint16",
    "s8": "int8",
    "u8": "uint8",
    "s4": "int4",
    "s2": "int2",
    "bool": "bool",
}
GRANULARITY = {"pt": "per tensor", "pc": "per channel"}
FEATURES = {
    "axis0": "along the first axis",
    "inner-axis": "along an inner axis",
    "broadcast": "broadcast operand",
    "broadcast-both": "both operands broadcast",
    "drop-dims": "without kept dimensions",
    "tanh-form": "tanh approximation",
    "adj-x": "first operand transposed",
    "adj-y": "second operand transposed",
    "rescale": "another scale in the result than in the input",
    "no-bias": "no bias",
    "lowest-code": "weights hold the lowest int4 code, -8",
    "split-bytes": "rows that end inside a byte",
    "zero-point": "weights with a zero point",
    "strided-dilation": "strides together with dilations",
    "same-of-one": "SAME padding of a single row or column",
    "even-pads": "SAME padding by as much before as after",
    "even-row": "SAME padding of a single row by more than an eighth on either side",
    "at-input": "an operand is an input of the model",
}


def describe_cell(cell: str) -> str:
    """Return a cell in words: "s16 w=s8 pc" -> "int16 activations, int8 weights per channel"."""
    words = [f"{TYPES.get(cell.split()[0], cell.split()[0])} {noun(cell)}"]
    rest = cell.split()[1:]
    for k, word in enumerate(rest):
        name, _, kind = word.rpartition("=")
        if word in GRANULARITY:
            words[-1] += f" {GRANULARITY[word]}"
        elif word == "->":
            words.append(f"{TYPES.get(rest[k + 1], rest[k + 1])} results")
        elif name:
            role = {"w": "weights", "y": "second operand", "idx": "indices"}[name]
            words.append(f"{TYPES.get(kind, kind)} {role}")
    return ", ".join(words)


def noun(cell: str) -> str:
    """Return what the first type of a cell is the type of."""
    computed = cell.split()[0] in ("s8", "s16", "u8", "u16", "f32", "f16") and "->" not in cell
    return "activations" if computed else "data"


def describe_feature(feature: str) -> str:
    """Return a feature in words: "rank6" -> "rank 6", "fused-relu6" -> "fused relu6"."""
    parts = []
    for part in feature.split("+"):
        spaced = f"rank {part[4:]}" if part.startswith("rank") else part.replace("-", " ")
        parts.append(FEATURES.get(part, spaced))
    return ", ".join(parts)


def describe(entry: str) -> str:
    """Return a table entry, "cell" or "cell | feature", in words."""
    cell, _, feature = entry.partition(" | ")
    return ", ".join(filter(None, (describe_cell(cell), describe_feature(feature))))
