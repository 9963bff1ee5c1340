"""The words of the command line are checked in Python too, and completion knows the functions."""

from __future__ import annotations

import pytest

import golden_models
import mmc
from mmc.arguments import CHOICES, positive
from mmc.options import CompileOptions


@pytest.mark.parametrize("name", CHOICES)
def test_a_word_that_no_option_has_is_refused(name: str) -> None:
    """`weights="INT8"` made a float artifact, and said nothing."""
    for words in CHOICES[name]:
        CompileOptions(**{name: words})  # type: ignore[arg-type]
    with pytest.raises(mmc.MmcError, match=f"MMC003.*{name} INT5"):
        CompileOptions(**{name: "INT5"})  # type: ignore[arg-type]


def test_the_word_that_was_meant_is_named() -> None:
    model = golden_models.path("digits_vqa_vision")
    with pytest.raises(mmc.MmcError, match="did you mean 'int8'"):
        mmc.compile(model, target="cpu", dim={"batch": 1}, weights="INT8")


def test_completion_lists_the_functions() -> None:
    assert {"compile", "check", "run", "quantize", "sensitivity", "MmcError"} <= {*dir(mmc)}


@pytest.mark.parametrize("text", ["0", "-1", "1e3", "many", "99999999", ""])
def test_what_is_no_count_is_told_with_its_option(text: str) -> None:
    with pytest.raises(mmc.MmcError, match="--calibration-samples"):
        positive("--calibration-samples")(text)
    assert positive("-j")("20000") == 20000
