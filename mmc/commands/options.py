"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmc.arguments import (
    CHOICES,
    Parser,
    about,
    const,
    dim,
    flexible_dim,
    image_input,
    input_shape,
    one_of,
    positive,
)
from mmc.diagnostics import UsageError

if TYPE_CHECKING:
    from mmc.budget import Budget
    from mmc.options import CompileOptions

AS_SAID = (
    "io_layout",
    "io_dtype",
    "keep_int64",
    "precision",
    "weights",
    "recipe",
    "activations",
    "calibration",
    "calibration_samples",
    "outliers",
    "evaluation",
    "metric",
    "optimize",
    "require_npu",
    "verify_on",
    "aot",
)
"""Options that are fields of CompileOptions under the same name, taken as they are."""


def add_shapes(parser: Parser, *, flexible: bool = False) -> None:
    """Add the options that make every shape static; or, `flexible`, one of several."""
    group = parser.add_argument_group("shapes")
    group.add_argument(
        "--input-shape",
        type=input_shape,
        action="append",
        default=[],
        metavar="NAME:1,3,224,224",
        help="shape of an input (split at the last colon)",
    )
    group.add_argument(
        "--dim",
        type=flexible_dim if flexible else dim,
        action="append",
        default=[],
        metavar="SYMBOL=VALUE",
        help="size of a named dimension, in every input"
        + ("; Core ML also 1..4 or 1,2,4" if flexible else ""),
    )
    group.add_argument(
        "--const",
        type=const,
        action="append",
        default=[],
        metavar="NAME=VALUE|@x.npz",
        help="bind an input to a constant",
    )


def add_choice(
    group: argparse._ActionsContainer,
    flag: str,
    values: Sequence[str],
    help: str,
    *,
    default: str | None = None,
) -> None:
    """Add an option that takes one of `values`."""
    kind, metavar = one_of(values, (), flag), "|".join(values)
    group.add_argument(flag, type=kind, default=default, metavar=metavar, help=help)


def add_form(parser: Parser) -> None:
    """Add what decides the form and the numbers of the artifact."""
    group = parser.add_argument_group("form and numbers")
    text = "layout of image inputs and outputs (default: the model's)"
    add_choice(group, "--io-layout", CHOICES["io_layout"], text)
    text = "type of inputs and outputs that integer kernels read and write (default: float)"
    add_choice(group, "--io-dtype", CHOICES["io_dtype"], text)
    group.add_argument("--keep-int64", action="store_true", help="keep 64-bit inputs and outputs")
    text = "type of float tensors (default: float16 for ane_*, else float32)"
    add_choice(group, "--precision", CHOICES["precision"], text)
    text = "type of the stored weights (default: float32); auto: layer by layer, within limits"
    add_choice(group, "--weights", CHOICES["weights"], text)
    add_recipe(group)
    add_choice(group, "--activations", CHOICES["activations"], "type of activations")
    add_pictures(group)
    goals = parser.add_argument_group("goals")
    text = "which of equivalent forms to prefer (default: latency)"
    add_choice(goals, "--optimize", CHOICES["optimize"], text)
    text = "fail if any operator would not run on the NPU"
    goals.add_argument("--require-npu", action="store_true", help=text)


def add_pictures(group: argparse._ActionsContainer) -> None:
    """Add what a Core ML package tells an app: inputs that are pictures, and about itself."""
    group.add_argument(
        "--image-input",
        type=image_input,
        action="append",
        default=[],
        metavar="NAME:RGB,scale=1/127.5,bias=-1",
        help="Core ML: take an input as a picture; the model sees pixel * scale + bias",
    )
    group.add_argument(
        "--about",
        type=about,
        action="append",
        default=[],
        metavar="KEY=TEXT",
        help="Core ML: author, license, version, description, or labels=FILE (a line a class)",
    )


def add_recipe(group: argparse._ActionsContainer) -> None:
    """Add widths layer by layer."""
    group.add_argument(
        "--recipe",
        default="",
        metavar="R.toml|PRESET",
        help="which layers get which weights; "
        "presets: int8, int4, int2-experimental, table4, guide; progressive: int8, then int4, "
        "then int2 until --max-drop is broken",
    )


def add_calibration(parser: Parser) -> None:
    """Add the data that quantization looks at."""
    group = parser.add_argument_group("calibration")
    group.add_argument(
        "--calibration",
        default="",
        metavar="DATA",
        help=".npz (key = input, axis 0 = sample), a folder of such, or module:function",
    )
    group.add_argument(
        "--calibration-samples",
        type=positive("--calibration-samples"),
        default=1000,
        metavar="N",
        help="most samples to use (default: 1000)",
    )


def add_outliers(parser: Parser) -> None:
    """Add what integer activations do with values far out."""
    text = (
        "of integer activations: clip the 0.01 %% farthest out, or only where the outputs are"
        " nearer to the original's by it (default: none)"
    )
    add_choice(parser, "--outliers", CHOICES["outliers"], text)


def add_evaluation(parser: Parser) -> None:
    """Add what the artifact is measured by, and its limits."""
    group = parser.add_argument_group("evaluation and budget")
    group.add_argument(
        "--evaluation", default="", metavar="DATA", help="samples with labels, as --calibration"
    )
    group.add_argument(
        "--metric",
        default="",
        metavar="NAME|module:function",
        help="accuracy, characters; without labels agreement, cosine (default), kl, sqnr; or"
        " metric(outputs, labels) -> float, higher is better, axis 0 = sample",
    )
    group.add_argument(
        "--budget",
        metavar="B.toml",
        help="limits of size, latency, memory, battery and drop; exit 1 if one is missed",
    )


def add_limits(parser: Parser) -> None:
    """Add limits that need no file."""
    group = parser.add_argument_group("limits, of `auto` and of every compile; exit 1 if missed")
    group.add_argument("--max-size", metavar="35MB", help="of the artifact")
    group.add_argument(
        "--max-drop", metavar="1%", help="of the metric on --evaluation: the worse end of 95 %%"
    )


def add_vendor(parser: Parser) -> None:
    """Add who else is asked whether the NPU takes the model."""
    group = parser.add_argument_group("the vendor's compiler (extra: hexagon)")
    group.add_argument(
        "--vendor", action="store_true", help="ask Qualcomm's compiler; it wins over our table"
    )
    group.add_argument(
        "--vendor-arch", metavar="v69,v81|all", help="ask for these architectures too"
    )


def add_output(parser: Parser) -> None:
    """Add what decides how much is printed."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print the report as JSON")
    group.add_argument("--quiet", action="store_true", help="print errors only")
    group.add_argument("--verbose", action="store_true", help="print every finding and pass")


def compile_options(args: argparse.Namespace) -> CompileOptions:
    """Return what the shared options say; files they name are read here.

    A command that lacks an option, or a user who leaves it out, gets CompileOptions' default.
    """
    from mmc.files import read_constant, read_npz
    from mmc.options import CompileOptions, Picture

    said = {name: value for name, value in vars(args).items() if value is not None}
    refuse_contradictions(said)
    inputs = said.get("inputs")
    return CompileOptions(
        **{name: said[name] for name in AS_SAID if name in said},
        input_shapes=dict(args.input_shape),
        dims={name: size for name, size in args.dim if isinstance(size, int)},
        sizes={name: size for name, size in args.dim if not isinstance(size, int)},
        constants={name: read_constant(name, text) for name, text in args.const},
        budget=limits(said),
        pictures={name: Picture(*form) for name, form in said.get("image_input", ())},
        about=dict(said.get("about", ())),
        inputs=read_npz(inputs) if inputs else None,
        verify=not said.get("no_verify", False),
        vendor=vendor_of(args),
    )


def refuse_contradictions(said: Mapping[str, Any]) -> None:
    """Refuse options that need another one, or exclude it."""
    if said.get("metric") and not said.get("evaluation"):
        raise UsageError("MMC003", "--metric", "has no data", fix="add --evaluation DATA")
    weights = said.get("weights", "float32")
    if said.get("recipe") and weights != "float32":
        fix = 'say the width of the other layers in the recipe: weights = "int4"'
        raise UsageError("MMC003", f"--recipe, --weights {weights}", "exclude each other", fix=fix)


def limits(said: Mapping[str, Any]) -> Budget | None:
    """Return the limits of --budget, --max-size and --max-drop; None if there are none."""
    from mmc.budget import read_budget, with_limits

    budget = read_budget(said["budget"]) if said.get("budget") else None
    return with_limits(budget, max_size=said.get("max_size"), max_drop=said.get("max_drop"))


def vendor_of(args: argparse.Namespace) -> str | None:
    """Return which architectures the vendor is asked about beside the target's; None: not asked."""
    named: str | None = getattr(args, "vendor_arch", None)
    return named or "" if getattr(args, "vendor", False) or named else None
