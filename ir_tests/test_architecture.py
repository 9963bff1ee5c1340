"""The rules of the house that imports can break."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {"mmc": ROOT / "mmc", "mmc.passes": ROOT / "passes", "mmc.backends": ROOT / "backends"}
HEAVY = (
    "numpy",
    "onnx",
    "onnx_ir",
    "onnxruntime",
    "ai_edge_litert",
    "networkx",
    "rich",
    "coremltools",
)


def modules() -> Iterator[tuple[str, Path]]:
    """Yield every module's import name and file."""
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if package == "mmc" and parts[0] in ("passes", "backends"):
                continue  # the links
            yield ".".join([package, *(p for p in parts if p != "__init__")]), path


MODULES = dict(modules())


def imports(name: str) -> set[str]:
    """Return the modules of mmc that a module uses at import or later."""
    found: set[str] = set()
    for node in running(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return {f for f in found if f in MODULES}


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node but those for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield node
            yield from running(node)


def test_passes_know_no_backend() -> None:
    for name in MODULES:
        if name.startswith("mmc.passes"):
            wrong = {i for i in imports(name) if i.startswith("mmc.backends")}
            assert not wrong, f"{name} imports {wrong}"


def test_what_becomes_integers_knows_no_search() -> None:
    """mmc.auto tries recipes; what carries one out (mmc.integers, the passes) is below it."""
    for name in MODULES:
        if name.startswith(("mmc.passes", "mmc.integers")):
            wrong = {i for i in imports(name) if i.startswith("mmc.auto")}
            assert not wrong, f"{name} imports {wrong}"


def test_quantization_is_mathematics() -> None:
    """mmc.quant is numpy in, numpy out: neither graphs nor formats nor other parts of mmc."""
    allowed = {"numpy", "__future__", *sys.stdlib_module_names}
    for path in sorted((ROOT / "mmc" / "quant").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level <= 1:
                names = [] if node.level else [node.module or ""]
            else:
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                assert not isinstance(node, ast.ImportFrom), f"{path.name} imports its parent"
            assert {n.partition(".")[0] for n in names} <= allowed, f"{path.name} imports {names}"


def test_no_circular_imports() -> None:
    graph = {name: imports(name) - {name, "mmc"} for name in MODULES}
    circles = [sorted(c) for c in nx.strongly_connected_components(nx.DiGraph(graph)) if len(c) > 1]
    assert not circles


def test_packages_are_the_folders() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = settings["tool"]["setuptools"]["packages"]
    found = {n for n, path in MODULES.items() if path.name == "__init__.py"}
    assert set(listed) == found
    assert len(listed) == len(found)


def test_links_show_the_installed_shape() -> None:
    for name in ("passes", "backends"):
        link = ROOT / "mmc" / name
        assert link.is_symlink()
        assert link.readlink() == Path("..") / name


@pytest.mark.parametrize("statement", ["import mmc", "from mmc.cli import build_parser as b; b()"])
def test_light_commands_import_nothing_heavy(statement: str) -> None:
    code = f"{statement}; import sys; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []


def test_help_is_quick() -> None:
    before = sum(os.times()[2:4])
    command = [sys.executable, "-m", "mmc", "--help"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=ROOT)
    assert sum(os.times()[2:4]) - before < 0.3
