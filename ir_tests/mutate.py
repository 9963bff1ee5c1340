"""Do the tests notice a bug? Break the code on purpose and see which tests fail.

    python ir_tests/mutate.py                       every bug of mutations.toml must be caught
    python ir_tests/mutate.py --sample 100 [passes/rules/pads.py …]  bugs made by rule; survivors

A mutation is applied to a copy of the checkout; it is caught when a test fails on it.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import contextlib
import io
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

from mutants import mutants

HERE = Path(__file__).parent
ROOT = HERE.parent
COPIED = ("mmc", "passes", "backends", "ir_tests", "pyproject.toml")
LINKED = ("golden_models", "docs", "benchmarks")
SECONDS, MEMORY = 60, 8 << 30
"""What a mutation may take, in the processor's time: some never end, or never stop to grow."""
LIBRARIES = ("pytest", "hypothesis", "numpy", "onnx", "onnx_ir", "onnxruntime", "networkx")
"""Imported once, before the first mutation; everything of mmc is imported after it."""
TESTS = {
    "passes/rules/": (
        "test_passes_rules.py -k {rules}",
        "test_decompositions.py",
        "test_rules_nn.py",
        "test_spellings.py",
    ),
    "passes/": ("test_passes_fold_constants.py", "test_control_flow.py", "test_passes_laws.py"),
    "mmc/layout/": ("test_layout.py", "test_layout_flow.py"),
    "backends/tflite/lowerings/": (
        "test_lowerings_movement.py",
        "test_lowerings_nn.py",
        "test_lowerings_math.py",
        "test_hexagon_forms.py",
        "test_hexagon_windows.py",
    ),
}
"""The tests of a folder, quick ones first; the longest prefix counts."""
MOST = 4
"""Tests of more files than this that import a pass are not about it."""


@dataclass(frozen=True)
class Mutation:
    """`old` stands once in `file` and becomes `new`; `tests` are pytest's arguments."""

    file: str
    old: str
    new: str
    bug: str
    tests: tuple[str, ...]

    def apply(self, root: Path) -> None:
        """Write the broken file; raises ValueError if the code has moved on."""
        path = root / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file}: {self.old!r} stands there {text.count(self.old)} times")
        path.unlink()  # it may be a link to the whole copy's
        path.write_text(text.replace(self.old, self.new))


def seeded() -> list[Mutation]:
    """Return the mutations of mutations.toml."""
    data = tomllib.loads((HERE / "mutations.toml").read_text())
    return [Mutation(**{**m, "tests": tuple(m["tests"])}) for m in data["mutation"]]


def drawn(files: list[str], count: int, seed: int) -> list[Mutation]:
    """Return up to `count` mutations of the files, made by rule."""
    found = [
        Mutation(file, old, new, bug, tests_of(file))
        for file in files
        for old, new, bug in mutants((ROOT / file).read_text())
    ]
    return random.Random(seed).sample(found, min(count, len(found)))


def watched() -> list[str]:
    """Return the files of the folders that TESTS names."""
    found = {path for folder in TESTS for path in (ROOT / folder).glob("[!_]*.py")}
    return sorted(str(path.relative_to(ROOT)) for path in found)


def tests_of(file: str) -> tuple[str, ...]:
    """Return the tests that watch a file: of its rules, of rules that use it, of its name."""
    prefix = max((p for p in TESTS if file.startswith(p)), key=len)
    path = ROOT / file
    imports = re.compile(rf"from [\w.]*\.{path.stem} import")
    users = [p for p in path.parent.glob("*.py") if imports.search(p.read_text())]
    rules = sorted(set().union(*map(rules_in, (path, *users))))
    found = [test.format(rules="|".join(rules)) for test in TESTS[prefix]]
    named = re.compile(rf"passes\.{path.stem}\b")
    own = [t.name for t in sorted(HERE.glob("test_*.py")) if named.search(t.read_text())]
    return tuple(dict.fromkeys([*found, *(own if len(own) <= MOST else ())]))


def rules_in(path: Path) -> set[str]:
    """Return the names of a module's rules: its functions with a decorator."""
    body = ast.parse(path.read_text()).body
    functions = [n for n in body if isinstance(n, ast.FunctionDef) and n.decorator_list]
    return {n.name.replace("_", "-") for n in functions}


@contextlib.contextmanager
def template() -> Iterator[Path]:
    """Yield a copy of the checkout, compiled so that a changed file is compiled again."""
    with tempfile.TemporaryDirectory(prefix="mmc-mutate-") as folder:
        copy = Path(folder) / "whole"
        copy.mkdir()
        for name in COPIED:
            if (ROOT / name).is_dir():
                leave = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=leave)
            else:
                shutil.copy(ROOT / name, copy / name)
        for name in LINKED:
            (copy / name).symlink_to(ROOT / name)
        mode = PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(copy, quiet=1, invalidation_mode=mode)
        yield copy


def verdict(task: tuple[Mutation | None, tuple[str, ...], Path]) -> str:
    """Run tests on a mutation; returns the first that fails, or "" if none does."""
    mutation, tests, whole = task
    copy = Path(tempfile.mkdtemp(dir=whole.parent))
    shutil.copytree(whole, copy, symlinks=True, copy_function=os.link, dirs_exist_ok=True)
    if mutation is not None:
        mutation.apply(copy)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGPROF, too_slow)
    signal.setitimer(signal.ITIMER_PROF, SECONDS if mutation else 0)
    os.chdir(copy)
    os.environ["PYTHONPATH"] = str(copy)
    sys.path[:0] = [str(copy), str(copy / "ir_tests")]
    sys.dont_write_bytecode = True
    try:
        return next((found for test in tests if (found := failing(test))), "")
    finally:
        shutil.rmtree(copy)


def too_slow(signum: int, frame: object) -> None:
    """Fail the test that is running."""
    raise TimeoutError(f"longer than {SECONDS} s")


def failing(test: str) -> str:
    """Run one call of pytest in this process; returns the test that fails."""
    import pytest

    file, *options = test.split(" ")
    if options:
        options = ["-k", " or ".join(options[1].split("|"))]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", f"ir_tests/{file}", *options])
    if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return ""
    named = re.search(r"^(?:FAILED|ERROR) (\S+)", out.getvalue(), re.MULTILINE)
    return named[1] if named else f"{file} (exit {int(code)})"


def main() -> int:
    """Try every mutation; exit code 1 if one survives."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("files", nargs="*", help="with --sample: break only these")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="bugs made by rule")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, dest="jobs")
    args = parser.parse_args()
    chosen = drawn(args.files or watched(), args.sample, args.seed) if args.sample else seeded()
    for name in LIBRARIES:
        __import__(name)
    context = multiprocessing.get_context("fork")
    with template() as whole, context.Pool(args.jobs, maxtasksperchild=1) as pool:
        every = tuple(sorted({test for m in chosen for test in m.tests}))
        if broken := pool.apply(verdict, ((None, every, whole),)):
            print(f"{broken} fails without any mutation")
            return 2
        tasks = [(mutation, mutation.tests, whole) for mutation in chosen]
        return tell(chosen, pool.imap(verdict, tasks, chunksize=1))


def tell(chosen: list[Mutation], verdicts: Iterator[str]) -> int:
    """Print what became of each mutation."""
    survivors = 0
    for mutation, by in zip(chosen, verdicts, strict=True):
        survivors += not by
        word = "caught  " if by else "SURVIVED"
        print(f"{word} {mutation.file}: {mutation.bug}  {by}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} mutations caught")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
