"""Signal to noise of every model with integer activations: `python benchmarks/quantization.py`.

Each golden model is calibrated on 16 samples and judged on 4 others, all of them variations of its
one real sample (or of the project's own data, where there is some): against ONNX Runtime with its
optimizer off, on the original model. Printed is the worst output's dB over the 4 samples, of the
artifact in LiteRT. It compares settings and tools; it is no task accuracy.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import golden_models as golden
import mmc
from mmc.diagnostics import MmcError
from mmc.values import Array

CALIBRATION, JUDGED = 16, 4
DATA = Path(golden.__file__).parent / "data"


@dataclass(frozen=True)
class Figures:
    """What one compile came to: dB, operators on codes and all of them, or why it failed."""

    decibels: float = float("nan")
    codes: int = 0
    operators: int = 0
    seconds: float = 0.0
    failure: str = ""


def variations(name: str, count: int, seed: int) -> Iterator[dict[str, Array]]:
    """Yield inputs like the model's sample: pictures and sounds shifted and rescaled, ids mixed."""
    rng = np.random.default_rng(seed)
    if name == "digits_vqa_vision":
        with np.load(DATA / "digits_vqa_calibration.npz") as data:
            for i in rng.choice(len(data["image"]), count, replace=False):
                yield {"image": (data["image"][i][None] / np.float32(255)).astype(np.float32)}
        return
    sample = golden.sample(name)
    for _ in range(count):
        yield {key: varied(value, rng) for key, value in sample.items()}


def varied(value: Array, rng: np.random.Generator) -> Array:
    """Return a float array rolled and rescaled, ids with some in other places, or the masks."""
    if value.dtype.kind == "f":
        gain = rng.uniform(0.7, 1.15) if value.any() else 1.0
        rolled = np.roll(value, rng.integers(0, 40), axis=-1 if value.ndim != 4 else (-2,))
        return (rolled * gain).astype(value.dtype)
    if np.unique(value).size <= 2:
        return value
    used = np.flatnonzero(value.reshape(-1))
    flat = value.reshape(-1).copy()
    swapped = used[1:-1][rng.random(max(len(used) - 2, 0)) < 0.5]
    flat[swapped] = rng.permutation(flat[swapped])
    if len(swapped) > 3:
        flat[swapped[::3]] = rng.choice(flat[used], len(swapped[::3]))
    return flat.reshape(value.shape)


def measure(name: str, target: str, weights: str, activations: str, folder: Path) -> Figures:
    """Compile one model and compare the artifact with the original."""
    found = golden.find(name)
    drawn = list(variations(name, CALIBRATION + JUDGED, 0))
    data = folder / f"{name}.npz"
    arrays = {k: np.stack([d[k] for d in drawn[:CALIBRATION]]) for k in drawn[0]}
    np.savez(data, allow_pickle=False, **arrays)
    start = time.process_time()
    try:
        result = mmc.compile(
            golden.path(name),
            target=target,
            output=folder / f"{name}.{target}.{activations}.tflite",
            input_shape={k: tuple(v) for k, v in found.shapes.items()},
            weights=weights,
            activations=activations,
            calibration=data if activations != "float" else "",
            inputs=drawn[CALIBRATION],
            verify=True,
        )
    except MmcError as error:
        return Figures(failure=str(error.diagnostics[0]).splitlines()[0])
    seconds = time.process_time() - start
    worst = min(
        decibels(mmc.run(golden.path(name), feeds), mmc.run(result.artifact, feeds))
        for feeds in drawn[CALIBRATION:]
    )
    ops = sum(result.ops.values())
    return Figures(worst, ops - floats(result.artifact), ops, seconds)


def floats(artifact: Path) -> int:
    """Return how many operators compute on floats."""
    from mmc.backends.tflite.backend import TfliteBackend

    program = TfliteBackend.read(artifact)
    kinds = [program.tensors[op.outputs[0]].dtype for op in program.operators]
    return sum(kind not in ("INT8", "INT16") for kind in kinds)


def decibels(expected: dict[str, Array], actual: dict[str, Array]) -> float:
    """Return the worst output's signal to noise; outputs that are integers say nothing."""
    return min(
        (
            ratio(value.astype(np.float64), actual[name].astype(np.float64))
            for name, value in expected.items()
            if value.dtype.kind == "f" and value.any()
        ),
        default=float("inf"),
    )


def ratio(expected: Array, actual: Array) -> float:
    """Return 10 log10 of signal by noise."""
    noise = float(((actual - expected) ** 2).sum())
    return float("inf") if not noise else 10 * float(np.log10((expected**2).sum() / noise))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=[m.name for m in golden.models()])
    parser.add_argument("--target", nargs="*", default=["cpu", "hexagon_v73"])
    parser.add_argument("--weights", default="int8")
    parser.add_argument("--activations", nargs="*", default=["int8", "int16"])
    args = parser.parse_args()
    columns = ("model", "target", "activations", "SNR dB", "on codes", "seconds", "")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
        for name in args.models:
            for target in args.target:
                for activations in args.activations:
                    f = measure(name, target, args.weights, activations, Path(folder))
                    row = f"{f.decibels:.1f} | {f.codes} of {f.operators} | {f.seconds:.0f}"
                    print(
                        f"| {name} | {target} | {activations} | {row} | {f.failure} |", flush=True
                    )


if __name__ == "__main__":
    main()
