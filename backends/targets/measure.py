"""Measure what Hexagon takes: `python -m mmc.backends.targets.measure [--resume]`.

Writes hexagon_legality.csv: one row per one-operator program, one column per architecture. An
operator is asked for alone, then between two others: what compiles at the border of a graph may not
inside. 0.15 s a question, 30 minutes in all; only the vendor's wheels (see `vendor`) are called.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mmc.backends.tflite.flatbuffer import write

from .case import Case, surrounded
from .cases import all_cases
from .generate import INSIDE
from .vendor import SOCS, ask

TABLE = Path(__file__).with_name("hexagon_legality.csv")
COLUMNS = ("tflite_op", "cell", "feature")
Rows = dict[tuple[str, str, str], dict[str, str]]


def read(path: Path) -> Rows:
    """Return the rows of a table of verdicts by (op, cell, feature)."""
    with path.open(newline="") as file:
        return {
            (row.pop("tflite_op"), row.pop("cell"), row.pop("feature")): row
            for row in csv.DictReader(file)
        }


def save(path: Path, rows: Rows, columns: Sequence[str]) -> None:
    """Write a table of verdicts, sorted; an unmeasured one is left empty."""
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([*COLUMNS, *columns])
        for key in sorted(rows):
            out.writerow([*key, *(rows[key].get(column, "") for column in columns)])


def judge(case: Case, architecture: str, folder: Path) -> str:
    """Return the verdict on an operator that stands alone, and if good, inside a graph."""
    return judged(case, architecture, folder)[0]


def judged(case: Case, architecture: str, folder: Path) -> tuple[str, str]:
    """Return the verdict as `judge`, and the vendor's reason for a bad one.

    It is "inside" for an integer operator that compiles only where another makes its operands.
    """
    path = folder / "case.tflite"
    write(case.program, path)
    alone = ask(path, architecture)
    integers = case.key[1].startswith(("s8", "s16"))
    wanted = str(alone) == "yes" or (integers and str(alone) == "no-compile")
    inside = surrounded(case) if wanted else None
    if inside is None:
        return str(alone), alone.reason
    write(inside, path)
    given = ask(path, architecture)
    good = "yes" if str(alone) == "yes" else INSIDE
    return (good, "") if str(given) == "yes" else ("no-compile", given.reason)


def urgency(case: Case) -> tuple[bool, bool]:
    """Sort float, integer and truth-value cases before the quantized ones."""
    return (case.key[1].split()[0] not in ("f32", "i32", "bool"), case.key[2] != "")


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask every question that the table has no answer to (all of them without --resume)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resume", action="store_true", help="keep the answers already there")
    parser.add_argument("--table", type=Path, default=TABLE)
    args = parser.parse_args(arguments)
    known = read(args.table) if args.resume and args.table.exists() else {}
    cases = sorted(all_cases(), key=urgency)
    rows: Rows = {case.key: known.get(case.key, {}) for case in cases}
    with tempfile.TemporaryDirectory() as folder:
        for architecture in ("v73", *(a for a in SOCS if a != "v73")):
            for number, case in enumerate(cases):
                if not rows[case.key].get(architecture):
                    rows[case.key][architecture] = judge(case, architecture, Path(folder))
                if number % 200 == 0:
                    save(args.table, rows, list(SOCS))
            save(args.table, rows, list(SOCS))


if __name__ == "__main__":
    main()
