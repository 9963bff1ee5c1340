"""Which ranges of activations are clipped: those whose outliers the model's outputs do not need.

`--outliers auto`. Each range is tried on its own, as it is and narrower: the values between are
rounded as codes would be, everything else stays float, and the error at the model's outputs
decides. What was chosen is then tried together against no clipping at all.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from mmc.calibration import Data, prepared_samples, signature
from mmc.cells import error_of, let_override
from mmc.ir import Array, Model, save
from mmc.quant.ranges import affine

JOB = "mmc.clipping:job"
SAMPLES = 16
"""Samples that an error is the mean of."""
LEAST_GAIN = 0.6
"""A narrower range must bring the error below so much of the exact range's: less is chance."""
Range = tuple[float, float]


def by_output_error(
    model: Model, data: Data, bits: int, ranges: Mapping[str, Sequence[Range]]
) -> dict[str, Range]:
    """Return the best range of each value that has several.

    Args:
        model: as its weights are shipped, its activations float.
        ranges: by value, the exact range in front, then ever narrower ones. Values that share a
            scale have equal ones.
    """
    from mmc.verification.execute import execute

    groups: dict[tuple[Range, ...], list[str]] = {}
    for name, some in ranges.items():
        if len(some) > 1:
            groups.setdefault(tuple(some), []).append(name)
    if not groups:
        return {}
    with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
        path = Path(folder) / "model.onnx"
        save(model, path, external=True)
        found = execute(
            JOB,
            path,
            {},
            data=data.source,
            samples=min(SAMPLES, data.samples),
            inputs=signature(model),
            groups=[[names, some] for some, names in groups.items()],
            bits=bits,
        ).outputs
    picked = json.loads(str(found["picked"]))
    return {
        n: some[i] for (some, names), i in zip(groups.items(), picked, strict=True) for n in names
    }


def job(
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    *,
    data: str,
    samples: int,
    inputs: list[list[Any]],
    groups: list[tuple[list[str], list[Range]]],
    bits: int,
) -> dict[str, Array]:
    """Be the child of `by_output_error`: return the place of the best range of every group."""
    from mmc.verification.reference import open_session

    round_values(Path(path), [names for names, _ in groups])
    session = open_session(path, 0, [], 2, packed=True)
    fed = list(prepared_samples(data, samples, inputs))
    expected = [session.run(None, one) for one in fed]

    def error(picked: Mapping[int, Range]) -> float:
        settings = {n: a for i, some in picked.items() for n, a in setting(i, some, bits).items()}
        runs = (session.run(None, {**one, **settings}) for one in fed)
        return float(np.mean([error_of(e, a) for e, a in zip(expected, runs, strict=True)]))

    picked = []
    for i, (_, some) in enumerate(groups):
        errors = [error({i: some[0]})]
        while len(errors) < len(some) and errors[-1] <= errors[0]:
            errors.append(error({i: some[len(errors)]}))
        best = int(np.argmin(errors))
        picked.append(best if errors[best] < LEAST_GAIN * errors[0] else 0)
    together = [
        error(
            {
                i: some[place]
                for i, ((_, some), place) in enumerate(zip(groups, places, strict=True))
            }
        )
        for places in (picked, [0] * len(groups))
    ]
    kept = picked if together[0] < together[1] else [0] * len(groups)
    return {"picked": np.array(json.dumps(kept))}


def setting(group: int, chosen: Range, bits: int) -> dict[str, Array]:
    """Return the feeds that let the values of a group be rounded as the codes of a range are."""
    q = affine(*chosen, bits)
    numbers = {
        "low": q.scale * (q.low - q.zero),
        "high": q.scale * (q.high - q.zero),
        "step": q.scale,
    }
    on = {name_of(group, "on"): np.array(True)}
    return on | {name_of(group, n): np.array(v, np.float32) for n, v in numbers.items()}


def name_of(group: int, what: str) -> str:
    """Return the name of a feed of `round_values`."""
    return f"mmc.clipping.{group}.{what}"


def round_values(path: Path, groups: Sequence[Sequence[str]]) -> None:
    """Let feeds switch on that named values of the model at `path` are rounded and clipped."""
    proto = onnx.load(path, load_external_data=False)
    graph, of = proto.graph, {name: i for i, names in enumerate(groups) for name in names}
    for i in range(len(groups)):
        for what, default in (("low", -1.0), ("high", 1.0), ("step", 1.0)):
            array = np.array(default, np.float32)
            graph.initializer.append(onnx.numpy_helper.from_array(array, name_of(i, what)))
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(False), name_of(i, "on")))
    nodes = list(graph.node)
    for node in nodes:
        node.input[:] = [f"{n}.rounded" if n in of else n for n in node.input]
    made = {n for node in nodes for n in node.output}
    ordered = [x for n, i in of.items() if n not in made for x in rounding(n, i)]
    for node in nodes:
        ordered.append(node)
        ordered += [x for n in node.output if n in of for x in rounding(n, of[n])]
    del graph.node[:]
    graph.node.extend(ordered)
    path.write_bytes(proto.SerializeToString())
    let_override(
        path, {name_of(i, w) for i in range(len(groups)) for w in ("low", "high", "step", "on")}
    )


def rounding(value: str, group: int) -> Iterator[onnx.NodeProto]:
    """Yield the node that makes `value`.rounded: it computes only where it is switched on."""
    low, high, step, on = (name_of(group, what) for what in ("low", "high", "step", "on"))
    steps = (
        ("Clip", [value, low, high], "clipped"),
        ("Div", [f"{value}.clipped", step], "steps"),
        ("Round", [f"{value}.steps"], "whole"),
        ("Mul", [f"{value}.whole", step], "codes"),
    )
    rounds = [onnx.helper.make_node(op, given, [f"{value}.{made}"]) for op, given, made in steps]
    passes = [onnx.helper.make_node("Identity", [value], [f"{value}.as it was"])]
    branches = {
        "then_branch": branch(rounds, f"{value}.codes"),
        "else_branch": branch(passes, f"{value}.as it was"),
    }
    yield onnx.helper.make_node("If", [on], [f"{value}.rounded"], **branches)


def branch(nodes: Sequence[onnx.NodeProto], result: str) -> onnx.GraphProto:
    """Return nodes on floats as what an If computes."""
    made = onnx.helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, None)
    return onnx.helper.make_graph(nodes, result, [], [made])
