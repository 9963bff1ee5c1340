"""Does the NPU decide as the CPU does? `python benchmarks/emulated.py --lines DIR [--write]`.

Integer artifacts of models with labelled data run on LiteRT's kernels and on Qualcomm's emulator of
the Hexagon (extra `hexagon`). A decision is where an output row is largest: an answer's word, a
class, a character of a text line. `--lines` is a folder as for benchmarks/tasks.py, without which
text lines are left out. `--write` puts the table into docs/hexagon.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import golden_models as golden
import mmc
from mmc.backends.tflite.emulator import emulate
from mmc.values import Array

if TYPE_CHECKING:
    from benchmarks.tasks import Task

Feeds = dict[str, Array]
PAGE = Path(__file__).parent.parent / "docs" / "hexagon.md"
BEGIN, END = "<!-- made by benchmarks/emulated.py -->", "<!-- end of emulated.py -->"
FORMS = {"w8a8": "int8", "w8a16": "int16"}
CALIBRATION = 64


@dataclass(frozen=True)
class Data:
    """Calibration and judged samples along axis 0, and the right decisions, -1 where none is."""

    calibration: Feeds
    judged: Feeds
    labels: Array | None = None


# ---------------------------------------------------------------------------------- models


def digits_vqa_fusion_decoder(count: int, _: Path | None) -> Data:
    """Questions on digits; the words that come before are given, as in training."""
    from benchmarks.questions import originals, questions, taught

    given = (questions("calibration", CALIBRATION), questions("eval", count))
    seen, judged = (taught(originals(), asked, answers) for asked, answers in given)
    right = given[1][1].astype(np.int64)
    return Data(seen, judged, np.where(right > 0, right, -1))


def efficientnet_lite0(count: int, _: Path | None) -> Data:
    """Crops of pictures; what the original says is the label."""
    from benchmarks import tasks

    with tempfile.TemporaryDirectory() as folder:
        task = tasks.efficientnet_lite0(Path(folder), Path())
        return Data(*(first(part, n) for part, n in parts(task, count)))


def ppocr_rec(count: int, lines: Path | None) -> Data:
    """Text lines; a decision a column."""
    from benchmarks import tasks

    with tempfile.TemporaryDirectory() as folder:
        task = tasks.ppocr_rec(Path(folder), lines or Path())
        seen, judged = (first(part, n) for part, n in parts(task, count))
    judged.pop("text")
    return Data(seen, judged)


def parts(task: Task, count: int) -> Iterator[tuple[Path, int]]:
    """Yield a task's two files and how many samples are used."""
    yield task.calibration, CALIBRATION
    yield task.evaluation, count


def first(path: Path, count: int) -> Feeds:
    """Return the first samples of a file."""
    with np.load(path) as data:
        return {name: data[name][:count] for name in data.files}


MODELS = {m.__name__: m for m in (digits_vqa_fusion_decoder, efficientnet_lite0, ppocr_rec)}

# ---------------------------------------------------------------------------------- measuring


def measure(name: str, form: str, architecture: str, data: Data, folder: Path) -> str:
    """Compile one model in one form and return its line of the table."""
    np.savez(file := folder / "calibration.npz", allow_pickle=False, **data.calibration)
    result = mmc.compile(
        golden.path(name),
        target=f"hexagon_{architecture}",
        output=folder / "model.tflite",
        input_shape={k: v.shape[1:] for k, v in data.calibration.items()},
        weights="int8",
        activations=FORMS[form],
        calibration=str(file),
        verify=False,
    )
    count = len(next(iter(data.judged.values())))
    singles = [{k: v[i] for k, v in data.judged.items()} for i in range(count)]
    original = decisions([mmc.run(golden.path(name), feeds) for feeds in singles])
    host = decisions([mmc.run(result.artifact, feeds) for feeds in singles])
    npu = emulate(result.artifact, data.judged, architecture, stacked=True).outputs
    emulated = decisions([{k: v[i] for k, v in npu.items()} for i in range(count)])
    cells = [name, form, str(count), str(host.size), percent(emulated == host)]
    cells += [percent(host == original), percent(emulated == original)]
    if data.labels is not None:
        known = data.labels >= 0
        labelled = (o.reshape(data.labels.shape) for o in (original, host, emulated))
        cells += [percent((o == data.labels)[known]) for o in labelled]
    return f"| {' | '.join([*cells, *[''] * (10 - len(cells))])} |"


def decisions(outputs: Sequence[Mapping[str, Array]]) -> Array:
    """Return where the rows of the first output are largest, of all samples."""
    return np.concatenate([next(iter(o.values())).argmax(axis=-1).reshape(-1) for o in outputs])


def percent(right: Array) -> str:
    """Return the share of what is true."""
    return f"{100 * right.mean():.1f} %"


def page(lines: Sequence[str], architecture: str) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"On `hexagon_{architecture}`; CPU is LiteRT's kernels, NPU the emulator.\n"
    columns = ("model", "form", "samples", "decisions", "NPU = CPU", "CPU = original")
    columns += ("NPU = original", "original right", "CPU right", "NPU right")
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    yield from lines


def main() -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--lines", type=Path, metavar="DIR", help="labelled pictures of text lines")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--architecture", default="v73")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    lines = []
    for name in args.names or [n for n in MODELS if args.lines or n != "ppocr_rec"]:
        data = MODELS[name](args.samples, args.lines)
        for form in FORMS:
            with tempfile.TemporaryDirectory() as folder:
                lines.append(measure(name, form, args.architecture, data, Path(folder)))
            print(lines[-1], flush=True)
    if args.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        text = "\n".join(page(lines, args.architecture))
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
