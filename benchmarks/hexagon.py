"""What Qualcomm's compiler says of the golden models: `python benchmarks/hexagon.py [--write]`.

Every model is compiled in each form, and the vendor asked for each architecture. Needs the extra
`hexagon`. `--write` puts the table into docs/hexagon.md. Quantized forms are calibrated on the one
real sample of the golden model: that decides ranges, not what the NPU takes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import golden_models
import mmc
from golden_models.manifest import FOLDER, find, models
from mmc.backends.targets import vendor
from mmc.diagnostics import MmcError

PAGE = Path(__file__).parent.parent / "docs" / "hexagon.md"
MARK = "<!-- made by benchmarks/hexagon.py -->"
FORMS = {
    "float": {},
    "w8a8": {"weights": "int8", "activations": "int8"},
    "w8a16": {"weights": "int8", "activations": "int16"},
    "w4a16": {"weights": "int4", "activations": "int16"},
    "w2a16": {"weights": "int2", "activations": "int16"},
}
ARCHITECTURES = ("v69", "v73", "v75", "v79", "v81")


@dataclass(frozen=True)
class Row:
    """One model in one form: the answers by architecture, or why there is no artifact."""

    name: str
    form: str
    answers: tuple[vendor.Answer, ...] = ()
    failure: str = ""

    def text(self) -> str:
        """Return a line of the table."""
        cells = [cell(a) for a in self.answers] or [self.failure, *[""] * (len(ARCHITECTURES) - 1)]
        return f"| {self.name} | {self.form} | {' | '.join(cells)} |"


def cell(given: vendor.Answer) -> str:
    """Return selected/total, the partitions if several, and how it ended if not compiled."""
    if not given.total:
        return given.ended
    more = f" in {given.partitions}" if given.partitions != 1 else ""
    failed = "" if given.compiled else f", {given.ended}"
    return f"{given.selected}/{given.total}{more}{failed}"


def measure(name: str, form: str, folder: Path) -> Row:
    """Compile one model in one form and ask about it."""
    model, artifact = find(name), folder / "model.tflite"
    options = dict(FORMS[form])
    if options:
        sample = np.load(FOLDER / model.sample)
        np.savez(data := folder / "data.npz", **{k: sample[k][None] for k in sample.files})
        options["calibration"] = str(data)
    try:
        mmc.compile(
            golden_models.path(name),
            target="hexagon_v73",
            output=artifact,
            input_shape=model.shapes,
            verify=False,
            **options,
        )
    except MmcError as error:
        found = error.diagnostics[0]
        what = found.why.splitlines()[0] if found.why else found.what
        return Row(name, form, failure=f"{found.code}: {what}")
    answers = tuple(vendor.ask(artifact, a) for a in ARCHITECTURES)
    for refusal in answers[0].refusals:
        print(f"  {name} {form} #{refusal.index} {refusal.op}: {refusal.reason}", file=sys.stderr)
    return Row(name, form, answers)


def page(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines below the mark."""
    yield MARK
    yield ""
    yield f"| model | form | {' | '.join(ARCHITECTURES)} |"
    yield "|---|---|" + "---|" * len(ARCHITECTURES)
    yield from (row.text() for row in rows)
    whole = [r for r in rows if r.answers and all(str(a) == "yes" for a in r.answers)]
    one = sum(all(a.partitions == 1 for a in r.answers) for r in whole)
    yield ""
    yield f"{one} of {len(rows)} are one partition, 100 % on the NPU and compiled, everywhere."


def main() -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="golden models (default: all)")
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    names = args.names or [m.name for m in models()]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            for form in args.forms.split(","):
                rows.append(measure(name, form, Path(folder)))
                print(rows[-1].text(), flush=True)
    if args.write:
        head = PAGE.read_text().split(MARK)[0]
        PAGE.write_text(head + "\n".join(page(rows)) + "\n")


if __name__ == "__main__":
    main()
