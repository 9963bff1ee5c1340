"""The target tables: what they hold is what was measured, and every entry says where it is from."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.resources import files

import pytest

from mmc.backends.targets import generate
from mmc.backends.targets.cases import all_cases
from mmc.diagnostics import UsageError
from mmc.target import FOLDER, Target, Verdict, load_target, targets, verdict_of

HEXAGON = [name for name in targets() if name.startswith("hexagon")]
MEASURED = [name for name in targets() if load_target(name).backend == "tflite"]
KNOWN = generate.ARCHITECTURES["hexagon"]


def measured(target: Target) -> Iterator[tuple[str, str, str, str]]:
    """Yield (op, cell, feature, verdict) as the measuring programs wrote them."""
    text = files(FOLDER).joinpath(f"{target.family}_legality.csv").read_text()
    for row in csv.DictReader(text.splitlines()):
        yield row["tflite_op"], row["cell"], row["feature"], row[target.architecture]


def verdict(target: str, op: str, cell: str, *features: str) -> str:
    """Return the table's word."""
    return load_target(target).support(op, cell, features).verdict.value


def test_targets_are_listed() -> None:
    assert targets() == [
        *(f"ane_ios{n}" for n in (16, 17, 18, 26)),
        "cpu",
        *(f"hexagon_{a}" for a in ("v68", "v69", "v73", "v75", "v79", "v81")),
    ]


def test_a_target_knows_its_device() -> None:
    target = load_target("hexagon_v75")
    assert (target.runs_on, target.socs, target.fallback) == ("npu", ("SM8650",), "cpu")
    assert not target.int64


def test_an_unknown_target_names_close_ones() -> None:
    with pytest.raises(UsageError) as caught:
        load_target("hexagon73")
    finding = caught.value.diagnostics[0]
    assert finding.code == "MMC200"
    assert "hexagon_v73" in finding.fix.partition("?")[0]


@pytest.mark.parametrize("name", ["ane_ios14", "ane_ios15", "ane_ios9"])
def test_versions_without_ml_programs_name_the_first_with_them(name: str) -> None:
    with pytest.raises(UsageError, match=r"MMC209(.|\n)*iOS 15(.|\n)*--target ane_ios16"):
        load_target(name)


def test_settings_of_a_version_join_those_of_the_family() -> None:
    old, new = load_target("ane_ios16"), load_target("ane_ios18")
    assert (old.settings["version"], new.settings["version"]) == (7, 9)
    assert old.precision == new.precision == "float16"
    assert load_target("cpu").precision == "float32"


@pytest.mark.parametrize("family", generate.ARCHITECTURES)
def test_the_tables_are_what_the_measurements_give(family: str) -> None:
    stored = files(FOLDER).joinpath(f"{family}.toml").read_text(encoding="utf-8")
    assert generate.generate(family) == stored


@pytest.mark.parametrize("name", MEASURED)
def test_the_table_repeats_every_measurement(name: str) -> None:
    """Rows that follow from others are left out of the table: the answers must not change."""
    target = load_target(name)
    for op, cell, feature, expected in measured(target):
        support = target.support(op, cell, feature.split("+") if feature else ())
        if support.source != "facts" and expected:
            wanted = "yes" if expected == generate.INSIDE else expected
            assert support.verdict.value == wanted, (op, cell, feature)


@pytest.mark.parametrize("name", targets())
def test_every_entry_has_a_source(name: str) -> None:
    target = load_target(name)
    for op, entries in target.ops.items():
        for entry, support in entries.items():
            assert target.sources[support.source], (op, entry)
    for table in ("limits", "since", "never"):
        for entry, row in target.table.get(table, {}).items():
            assert target.sources[row[1] if table != "never" else row[0]], entry


def test_every_case_is_measured_on_every_architecture() -> None:
    keys = {case.key for case in all_cases()}
    for name in MEASURED:
        answered = {(o, c, f) for o, c, f, v in measured(load_target(name)) if v}
        assert keys == answered, name


@pytest.mark.parametrize("name", HEXAGON)
def test_rules_that_hold_on_every_architecture(name: str) -> None:
    assert verdict(name, "DEPTHWISE_CONV_2D", "s16 w=s8 pc") == "no"
    assert verdict(name, "RELU6", "s16") == "no"
    assert verdict(name, "GATHER", "f32 idx=i64") == "no"
    assert verdict(name, "TRANSPOSE", "f32", "rank5") == "yes"
    assert verdict(name, "TRANSPOSE", "f32", "rank6") == "no"
    assert verdict(name, "ATAN2", "f32") == "no"
    assert verdict(name, "CONV_2D", "s8 w=s8 pc") == "yes"
    assert verdict(name, "CONV_2D", "s8 w=s4 pc") == "no"
    assert verdict(name, "DEQUANTIZE", "s8 pc -> f32") == "no-compile"


def test_the_oldest_architecture_compiles_integers_only() -> None:
    assert verdict("hexagon_v68", "GELU", "f32") == "no-compile"
    assert verdict("hexagon_v69", "GELU", "f32") == "yes"
    assert verdict("hexagon_v68", "GELU", "s8") == "yes"


def test_16_by_16_bit_products_need_v73() -> None:
    assert verdict("hexagon_v69", "BATCH_MATMUL", "s16 w=s16 pt") == "no"
    assert verdict("hexagon_v73", "BATCH_MATMUL", "s16 w=s16 pt") == "yes"


def test_silently_wrong_kernels_of_the_host() -> None:
    for op, cell in (
        ("CONV_2D", "f32 w=s2 pc"),
        ("DEPTHWISE_CONV_2D", "s16 w=s4 pc"),
        ("BATCH_MATMUL", "s8 w=s8 pc"),
        ("BATCH_MATMUL", "s16 w=s8 pc"),
        ("PRELU", "s16"),
    ):
        assert verdict("cpu", op, cell) == "wrong"
    assert verdict("cpu", "EMBEDDING_LOOKUP", "s4 pc idx=i32 -> f32", "split-bytes") == "wrong"
    assert verdict("cpu", "FULLY_CONNECTED", "s8 w=s4 pc", "lowest-code") == "wrong"
    assert verdict("cpu", "TRANSPOSE", "s16", "rescale") == "wrong"


def test_unmeasured_forms_are_unknown_and_unmeasured_features_do_not_count() -> None:
    target = load_target("hexagon_v73")
    assert target.support("SEGMENT_SUM", "f32").verdict is Verdict.UNKNOWN
    assert target.support("ADD", "f32", ("never-heard-of",)).ok


def test_features_that_were_measured_together_count_among_others() -> None:
    target = load_target("hexagon_v73")
    assert target.support("FULLY_CONNECTED", "f32 w=f32", ("keep-dims", "no-bias")).ok
    found = target.support("FULLY_CONNECTED", "f32 w=f32", ("rank5", "keep-dims", "no-bias"))
    assert (found.verdict, found.entry) == (Verdict.NO, "f32 w=f32 | rank5+keep-dims")


def test_ranks_above_the_limit_are_refused_unmeasured() -> None:
    support = load_target("hexagon_v73").support("ROUND", "f32", ("rank8",))
    assert support.verdict is Verdict.NO
    assert verdict("hexagon_v73", "SOFTMAX", "s8", "rank7") == "no"


@pytest.mark.parametrize(
    ("text", "architecture", "expected"),
    [
        ("yes", "v68", "yes"),
        ("yes v69+, no-compile v68", "v68", "no-compile"),
        ("yes v69+, no-compile v68", "v81", "yes"),
        ("yes v68 v75+", "v73", "no"),
        ("no", "v79", "no"),
    ],
)
def test_verdict_texts(text: str, architecture: str, expected: str) -> None:
    assert verdict_of(text, architecture, KNOWN).value == expected


def test_shortening_round_trips() -> None:
    for yes in (("v68",), ("v69", "v73", "v75", "v79", "v81"), ("v68", "v79", "v81"), KNOWN, ()):
        row = {a: "yes" if a in yes else "no" for a in KNOWN}
        text = generate.verdict_text(row, KNOWN)
        assert {a: verdict_of(text, a, KNOWN).value for a in KNOWN} == row
