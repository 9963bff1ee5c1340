"""Do damaged and hostile files end well? `python benchmarks/fuzz_files.py [--cases 20000] [--docs]`

How they ended is kept in benchmarks/rows/fuzz_files.jsonl (`--rows`), a row for each SLICE of
cases: slices that are in it are not run again, so a long run may be ended at any moment and goes
on later. `--minutes M` begins no slice after M minutes. `--docs` makes the table of all rows.

Every case of benchmarks/hostile.py is compiled in a process of its own (forked, so that nothing is
imported again), for TFLite and Core ML in turns, every 64th with verification. It ends well when

- the exit code is 0 and there is exactly the artifact, or it is 1 or 2 and there is nothing;
- an error has a code, which is not one of a bug in mmc (MMC001, MMC192, MMC193);
- no traceback is printed, no file of mmc's is left in its folder or in the temporary one;
- it takes at most SECONDS of CPU and MEMORY more than the imports do.

`--from N --write DIR` writes one case to look at. Exit code 1: some did not end well.
"""

from __future__ import annotations

import argparse
import gc
import math
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks import hostile, json_lines

SECONDS, MEMORY = 10, 600 << 20
ADDRESSES = 8 << 30
"""Nothing may reserve more: a case that does must not bring down the machine."""
FOREIGN = (".ses",)
"""What ONNX Runtime itself leaves in the temporary folder, once."""
BUGS = ("MMC001", "MMC192", "MMC193")
TARGETS = (("hexagon_v73", ".tflite"), ("ane_ios18", ".mlpackage"))
SLICE = 200
PAGE = Path(__file__).parent.parent / "docs" / "fuzzing.md"
ROWS = Path(__file__).parent / "rows" / "fuzz_files.jsonl"
Row = dict[str, Any]
"""Of a slice: its first case, how many there are, and for each kind of damage what `ended` says."""


@dataclass(frozen=True)
class End:
    """How a case ended: the code of its first finding, and what was wrong with that."""

    number: int
    code: str
    fault: str
    cpu_seconds: float
    megabytes: float


def imports() -> None:
    """Import what every compile needs, so that the forks have it."""
    import mmc.backends.coreml.backend
    import mmc.backends.tflite.backend
    import mmc.batch
    import mmc.cli  # noqa: F401
    from mmc.frontend import loading  # noqa: F401

    warm(Path(tempfile.mkdtemp()))
    gc.collect()
    gc.freeze()  # a collection in a fork would copy every page it looks at


def warm(folder: Path) -> None:
    """Compile a valid model for every target, in this process: what is imported late is there."""
    from mmc.cli import main

    path = folder / "warm.onnx"
    path.write_bytes(hostile.seeds()["convolution"])
    for target, suffix in TARGETS:
        options = ["--no-verify", "--no-cache", "--quiet", "-o", str(folder / f"warm{suffix}")]
        if main(["compile", str(path), "--target", target, *options]):
            raise SystemExit(f"a valid model does not compile for {target}")
    shutil.rmtree(folder)


def attempt(number: int, folder: Path) -> End:
    """Compile one case in a fork and judge how it ended."""
    target, suffix = TARGETS[number // len(hostile.MUTATIONS) % len(TARGETS)]
    places = [folder / name for name in ("in", "out", "tmp")]
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    made = hostile.case(number)
    path = made.write(places[0])
    before = contents(places[0])
    pid = os.fork()
    if pid == 0:
        compile_forked(path, places[1] / f"m{suffix}", target, number, folder)
    status, used = wait(pid)
    text = (folder / "stderr").read_text(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    found = re.search(r"\[(MMC\d+)\]", text)
    first = found[1] if found and code else "compiled" if code == 0 else "none"
    fault = judge(code, text, first)
    left = [p.name for p in places[1].iterdir() if p.name != f"m{suffix}" or code]
    left += [p.name for p in places[2].iterdir() if p.name not in FOREIGN]
    if left:
        fault = fault or f"left behind: {', '.join(left)[:200]}"
    if contents(places[0]) != before:
        fault = fault or "changed the model's folder"
    spent = used.ru_utime + used.ru_stime
    if spent > SECONDS:
        fault = fault or f"took {spent:.1f} s of CPU"
    grown = used.ru_maxrss * 1024 - BASE
    if grown > MEMORY:
        fault = fault or f"took {grown >> 20} MB"
    return End(number, first, fault, spent, grown / 1e6)


BASE = 0


def judge(code: int, text: str, first: str) -> str:
    """Return what is wrong with an exit code and what was printed; "" if nothing is."""
    if code < 0:
        return f"died of signal {signal.Signals(-code).name}"
    if code not in (0, 1, 2):
        return f"exit code {code}"
    if "Traceback" in text:
        return "printed a traceback"
    if first in (*BUGS, "none"):
        return f"{first}: {' '.join(text.split())[:300]}"
    if "\x1b" in text:
        return "printed a terminal escape"
    return ""


def contents(folder: Path) -> dict[str, int]:
    return {p.name: p.stat().st_size for p in folder.iterdir()}


def compile_forked(path: Path, out: Path, target: str, number: int, folder: Path) -> None:
    """Be the child: compile with everything printed going to files; never returns."""
    code = 99
    try:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
        resource.setrlimit(resource.RLIMIT_CPU, (4 * SECONDS, 4 * SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for stream, name in ((1, "stdout"), (2, "stderr")):
            file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, stream)
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
        os.chdir(folder)
        from mmc.cli import main

        options = ["--target", target, "-o", str(out), "--no-cache", "--quiet"]
        options += [] if number % 64 == 0 else ["--no-verify"]
        code = main(["compile", str(path), *options])
        sys.stderr.flush()
    finally:
        os._exit(code)


def wait(pid: int) -> tuple[int, resource.struct_rusage]:
    """Wait for the fork, for a limited time."""
    start = time.monotonic()
    while True:
        done, status, used = os.wait4(pid, os.WNOHANG)
        if done:
            return status, used
        if time.monotonic() - start > 30 * SECONDS:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def run(first: int, cases: int, rows: Path | None, keep: Path | None) -> Iterator[Row]:
    """Yield the row of each slice that is not among the rows, and add it to them."""
    global BASE
    known = {(row["from"], row["cases"]) for row in json_lines.read(rows)}
    stop = first + cases
    todo = [(start, min(SLICE, stop - start)) for start in range(first, stop, SLICE)]
    if todo := [one for one in todo if one not in known]:
        imports()
    BASE = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for start, count in todo:
            ends = [attempt(number, Path(folder)) for number in range(start, start + count)]
            show(ends, keep)
            row = {"from": start, "cases": count, **by_kind(ends)}
            json_lines.add(rows, row)
            yield row


def show(ends: Iterable[End], keep: Path | None) -> None:
    """Print every fault, and write its files to a folder."""
    for end in ends:
        if end.fault:
            made = hostile.case(end.number)
            print(f"{made.name}: {end.fault}", flush=True)
            if keep:
                place = keep / str(end.number)
                place.mkdir(parents=True, exist_ok=True)
                made.write(place)


def by_kind(ends: list[End]) -> Row:
    """Return how the cases of each kind of damage ended."""
    kinds = list(hostile.MUTATIONS)
    return {
        kind: ended([e for e in ends if e.number % len(kinds) == index])
        for index, kind in enumerate(kinds)
    }


def ended(ends: list[End]) -> Row:
    """Return the codes and their numbers, the number of faults, the most CPU and memory."""
    return {
        "codes": Counter(e.code for e in ends),
        "faults": sum(bool(e.fault) for e in ends),
        "cpu_seconds": max((round(e.cpu_seconds, 2) for e in ends), default=0),
        "megabytes": max((round(e.megabytes) for e in ends), default=0),
    }


def table(rows: list[Row]) -> str:
    """Return how the cases of every kind of damage ended."""
    lines = ["| damage | cases | compiled | coded errors | codes | faults | most CPU s | most MB |"]
    lines += ["|---" * 8 + "|"]
    kinds = list(hostile.MUTATIONS)
    for kind in (*kinds, "all"):
        mine = [row[k] for row in rows for k in (kinds if kind == "all" else [kind])]
        codes = sum((Counter(one["codes"]) for one in mine), Counter[str]())
        cases, right = codes.total(), codes.pop("compiled", 0)
        del codes["none"]
        common = ", ".join(f"{code} {count}" for code, count in codes.most_common(4))
        faults = sum(one["faults"] for one in mine)
        seconds = max((one["cpu_seconds"] for one in mine), default=0)
        memory = max((one["megabytes"] for one in mine), default=0)
        cells = (kind.replace("_", " "), cases, right, codes.total(), common, faults)
        lines.append(f"| {' | '.join(map(str, cells))} | {seconds:.1f} | {memory:.0f} |")
    return "\n".join(lines)


def page(rows: list[Row]) -> str:
    """Return the table as a page of the documentation."""
    first = min(row["from"] for row in rows)
    return (
        "# Hostile model files\n\n"
        "Made by `python benchmarks/fuzz_files.py --cases 0 --docs` of\n"
        f"`benchmarks/rows/{ROWS.name}`, a row for each {SLICE} cases; the first is case {first}.\n"
        "What every kind of damage is: `benchmarks/hostile.py`; what a fault is: the head of\n"
        "`benchmarks/fuzz_files.py`. CPU and memory are those of a compile without its imports.\n\n"
        f"{table(rows)}\n"
    )


def main() -> int:
    """Run the cases, print every fault and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="N")
    parser.add_argument("--minutes", type=float, default=math.inf, metavar="M")
    parser.add_argument("--rows", type=Path, default=ROWS, help="go on with, and add to, these")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the files of faults there")
    parser.add_argument("--write", type=Path, metavar="DIR", help="only write the first case there")
    parser.add_argument("--docs", action="store_true", help=f"write {PAGE.name}")
    args = parser.parse_args()
    if args.write:
        print(hostile.case(args.first).write(args.write))
        return 0
    stop = time.monotonic() + 60 * args.minutes
    for row in run(args.first, args.cases, args.rows, args.keep):
        print(
            row["from"], row["cases"], sum(row[k]["faults"] for k in hostile.MUTATIONS), flush=True
        )
        if time.monotonic() > stop:
            break
    rows = list(json_lines.read(args.rows))
    print(table(rows))
    if args.docs:
        PAGE.write_text(page(rows), "utf-8")
    return int(any(row[kind]["faults"] for row in rows for kind in hostile.MUTATIONS))


if __name__ == "__main__":
    sys.exit(main())
