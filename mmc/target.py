"""What a device takes, as data: `load_target("hexagon_v73")`.

A target is one architecture of a family; a family is one TOML file in mmc/backends/targets, made by
`python -m mmc.backends.targets.generate` from measurements. Entries are grouped by verdict:

    [ops.GELU.measured]                       # the last word names an entry of [sources]
    "yes" = ["s8"]
    "yes v69+, no-compile v68" = ["f32"]      # architectures that are not named say no
    "no" = ["s16", "f32 | rank6"]             # cell, or cell | feature (mmc.backends.tflite.cells)
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import combinations
from typing import TYPE_CHECKING, Any

from mmc import plugins
from mmc.diagnostics import UsageError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

FOLDER = "mmc.backends.targets"
SEPARATOR = " | "


class Verdict(StrEnum):
    """What happens to an operator, from best to worst."""

    YES = "yes"
    UNKNOWN = "unknown"  # never measured
    NO = "no"
    NO_COMPILE = "no-compile"  # selected for the NPU, then refused by its compiler
    WRONG = "wrong"  # runs, and computes something else


SEVERITY = tuple(Verdict)


@dataclass(frozen=True)
class Support:
    """A verdict with the row it comes from: `entry` is the cell or "cell | feature"."""

    verdict: Verdict
    entry: str
    architectures: str = ""
    source: str = ""

    @property
    def ok(self) -> bool:
        """Say whether the operator runs, and runs right."""
        return self.verdict is Verdict.YES


@dataclass(frozen=True)
class Target:
    """One architecture.

    Attributes:
        backend: the folder of mmc.backends that writes its artifacts.
        runs_on: "npu" or "cpu".
        fallback: the target that runs what this one refuses; "" if none.
        int64: whether 64-bit integers may stay inside the artifact.
        max_rank: the largest rank of any operand.
        ops: emitted operator -> entry -> support.
        fixes: "OP type", "OP feature", "* type" ... -> what the user can do about a refusal.
        settings: what the backend wants to know: formats, versions, the usual precision.
        table: the family's whole table, for what only its backend reads.
    """

    name: str
    family: str
    architecture: str
    backend: str
    runs_on: str
    socs: tuple[str, ...]
    fallback: str
    int64: bool
    max_rank: int
    sources: Mapping[str, str]
    ops: Mapping[str, Mapping[str, Support]]
    fixes: Mapping[str, str]
    settings: Mapping[str, Any]
    table: Mapping[str, Any]

    @property
    def precision(self) -> str:
        """The type that floats are computed in unless the user says: "float32" or "float16"."""
        return str(self.settings.get("precision", "float32"))

    def support(self, op: str, cell: str, features: Iterable[str] = ()) -> Support:
        """Return the worst verdict on an operator of this cell with these features.

        A feature that was not measured for the cell is judged as for float; one that was never
        measured does not count. Two that were measured together count where both are there.
        """
        table, forms = self.ops.get(op, {}), tuple(features)
        exact = table.get(SEPARATOR.join(filter(None, (cell, "+".join(forms)))))
        if exact is not None:
            return exact
        plain = table.get(cell, Support(Verdict.UNKNOWN, cell))
        found = [plain, *self._featured(table, cell, forms)]
        return max(found, key=lambda support: SEVERITY.index(support.verdict))

    def _featured(
        self, table: Mapping[str, Support], cell: str, features: tuple[str, ...]
    ) -> list[Support]:
        """Return what the table says on each feature."""
        pairs = (SEPARATOR.join((cell, "+".join(pair))) for pair in combinations(features, 2))
        found = [table[pair] for pair in pairs if pair in table]
        for feature in features:
            key = next((k for k in (cell, as_float(cell)) if k + SEPARATOR + feature in table), "")
            if key:
                found.append(table[key + SEPARATOR + feature])
            elif feature.startswith("rank") and int(feature[4:]) > self.max_rank:
                limit = f"{cell}{SEPARATOR}{feature}"
                found.append(Support(Verdict.NO, limit, "", self.sources.get("max_rank", "")))
        return found


def targets() -> list[str]:
    """Return the names of all targets, sorted by family and age."""
    return [name for family in families() for name in names(family, read(family))]


@cache
def load_target(name: str) -> Target:
    """Return the target called `name`.

    Raises:
        UsageError: MMC200 if there is none; MMC209 for iOS versions without ML Programs.
    """
    name = str(name)  # Python code may give anything
    if re.fullmatch(r"ane_ios(\d|1[0-5])", name):
        raise UsageError(
            "MMC209",
            f"target {name!r}",
            "cannot be served",
            why="mmc writes ML Programs, which need iOS 15, in forms that need iOS 16",
            fix="use --target ane_ios16 and ship the model to iOS 16 and later",
        )
    for family in families():
        data = read(family)
        if name in names(family, data):
            architecture = name.removeprefix(f"{family}_")
            return build(name, architecture, data)
    near = get_close_matches(name, targets(), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    fix = f"{hint}Available: {', '.join(targets())}"
    raise UsageError("MMC200", f"target {name!r}", "is not known", fix=fix)


@cache
def tables() -> dict[str, Traversable]:
    """Return family -> its table: those here, then those in `targets/` of plugins' backends."""
    folders = [files(FOLDER)]
    folders += [files(p).joinpath("targets") for p in plugins.modules("mmc.backends").values()]
    found = [entry for folder in folders if folder.is_dir() for entry in folder.iterdir()]
    return {
        entry.name.removesuffix(".toml"): entry
        for entry in reversed(found)
        if entry.name.endswith(".toml") and not entry.name.endswith("_head.toml")
    }


def families() -> list[str]:
    """Return the families that have a table."""
    return sorted(tables())


@cache
def read(family: str) -> Mapping[str, Any]:
    """Return the parsed table of a family."""
    return tomllib.loads(tables()[family].read_text(encoding="utf-8"))


def names(family: str, data: Mapping[str, Any]) -> list[str]:
    """Return a family's target names: the family itself if it is its only architecture."""
    return [a if a == family else f"{family}_{a}" for a in data["architectures"]]


def build(name: str, architecture: str, data: Mapping[str, Any]) -> Target:
    """Return the target that `data` describes for one architecture."""
    architectures = tuple(data["architectures"])
    return Target(
        name=name,
        family=data["family"],
        architecture=architecture,
        backend=data["backend"],
        runs_on=data["runs_on"],
        socs=tuple(data["architectures"][architecture]),
        fallback=data["fallback"],
        int64=data["int64"],
        max_rank=data["rules"]["max_rank"],
        sources=data["sources"],
        ops={
            op: entries(groups, architecture, architectures)
            for op, groups in data.get("ops", {}).items()
        },
        fixes=data.get("fixes", {}),
        settings=settings_of(data.get("settings", {}), architecture),
        table=data,
    )


def settings_of(given: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """Return the settings of all architectures, and those of this one."""
    common = {key: value for key, value in given.items() if not isinstance(value, Mapping)}
    return common | dict(given.get(architecture, {}))


def entries(
    groups: Mapping[str, Mapping[str, list[str]]], architecture: str, known: tuple[str, ...]
) -> dict[str, Support]:
    """Return entry -> support for one operator; of two sources the first one counts."""
    result: dict[str, Support] = {}
    for source, verdicts in groups.items():
        for text, cells in verdicts.items():
            verdict = verdict_of(text, architecture, known)
            for cell in cells:
                result.setdefault(cell, Support(verdict, cell, text, source))
    return result


def verdict_of(text: str, architecture: str, known: tuple[str, ...]) -> Verdict:
    """Return what "yes v69+, no-compile v68" says of an architecture; not named means no."""
    for part in text.split(", "):
        word, *named = part.split(" ")
        if not named or architecture in expand(named, known):
            return Verdict(word)
    return Verdict.NO


def expand(named: Iterable[str], known: tuple[str, ...]) -> set[str]:
    """Return the architectures meant by ["v68", "v73+"]."""
    result: set[str] = set()
    for name in named:
        start = known.index(name.removesuffix("+"))
        result.update(known[start:] if name.endswith("+") else (name,))
    return result


def as_float(cell: str) -> str:
    """Return the cell of the same operator in float: types replaced, index types kept."""
    words = []
    for word in cell.split():
        name, mark, kind = word.rpartition("=")
        if name == "idx" or word == "->":
            words.append(word)
        elif kind not in ("pc", "pt"):
            words.append(f"{name}{mark}f32")
    return " ".join(words)
