"""Run foreign code in a child process, so that its abort, leak or endless loop is only an error.

A job is a function named `module:function` that takes a path, the feeds and options and returns
arrays by name. Parent and child exchange .npy files in a temporary folder; results are mapped.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from mmc.diagnostics import EmitError, MmcError
from mmc.staging import working_folder
from mmc.verification.casting import Array

LONGEST_PAUSE = 0.05
TAIL_OF_STDERR = 1500


@dataclass(frozen=True)
class Limits:
    """What a child may use: wall-clock seconds, and bytes of memory that no file backs."""

    seconds: float = 900.0
    memory: int = 3 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4


@dataclass(frozen=True)
class Run:
    """What a job returned, its seconds without start-up, and the child's peak memory in bytes."""

    outputs: dict[str, Array]
    seconds: float
    peak_memory: int


def execute(
    job: str,
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    *,
    limits: Limits | None = None,
    **options: Any,
) -> Run:
    """Call `job(path, feeds, **options)` in a child process and return what it returned.

    Raises:
        EmitError: the job's own, or MMC406 if the child died, MMC407 if it took too long, MMC408 if
            it took too much memory.
    """
    with working_folder() as here:
        files = save_arrays(here, "feed", feeds)
        request = {"job": job, "path": os.fspath(path), "feeds": files, "options": options}
        (here / "request.json").write_text(json.dumps(request))
        code = wait(here, job, limits or Limits())
        answer = here / "answer.json"
        if code or not answer.exists():
            raise died(job, code, here / "stderr")
        return to_run(json.loads(answer.read_text()), here)


def wait(folder: Path, job: str, limits: Limits) -> int:
    """Start the child, watch it until it ends, and return its exit code."""
    command = [sys.executable, "-P", "-m", "mmc.verification.execute", str(folder)]
    with open(folder / "stderr", "wb") as log:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
    end, pause = time.monotonic() + limits.seconds, 0.001
    try:
        while True:
            try:
                return child.wait(pause)
            except subprocess.TimeoutExpired:
                pause = min(2 * pause, LONGEST_PAUSE)
            if time.monotonic() > end:
                raise EmitError("MMC407", job, f"took longer than {limits.seconds:g} s")
            if private_memory(child.pid) > limits.memory:
                raise EmitError("MMC408", job, f"took more than {limits.memory >> 20} MB of memory")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        if child.stdin:
            child.stdin.close()


def private_memory(pid: int) -> int:
    """Return the process's resident bytes that no file backs; 0 where the system does not tell.

    Mapped weights are left out, as the system takes them back when memory is short. For the same
    reason RLIMIT_AS is of no use: it counts address space, and a runtime reserves much of it.
    """
    fields = status(pid)
    return fields.get("RssAnon", 0) + fields.get("RssShmem", 0)


def status(pid: int | str) -> dict[str, int]:
    """Return the sizes in /proc/PID/status in bytes; empty if there is no such file."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    lines = (line.split() for line in text.splitlines() if line.endswith(" kB"))
    return {name.rstrip(":"): int(size) << 10 for name, size, _ in lines}


def died(job: str, code: int, log: Path) -> EmitError:
    """Return the error for a child that ended without an answer."""
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    tail = log.read_bytes()[-TAIL_OF_STDERR:].decode(errors="replace").strip()
    return EmitError("MMC406", job, f"the child process died ({how})", why=tail)


def to_run(answer: dict[str, Any], folder: Path) -> Run:
    """Return the child's results, or raise the error that it reported."""
    if "error" in answer:
        finding = answer["error"]
        raise EmitError(
            finding["code"],
            finding["where"],
            finding["what"],
            why=finding["why"],
            fix=finding["fix"],
        )
    return Run(load_arrays(folder, answer["outputs"]), answer["seconds"], answer["peak"])


def save_arrays(folder: Path, kind: str, arrays: Mapping[str, Array]) -> list[tuple[str, str]]:
    """Write each array to a numbered file, as names may hold anything; return (name, file)."""
    files = [(name, f"{kind}{index}.npy") for index, name in enumerate(arrays)]
    for name, file in files:
        np.save(folder / file, arrays[name], allow_pickle=False)
    return files


def load_arrays(folder: Path, files: list[tuple[str, str]]) -> dict[str, Array]:
    """Return the arrays by name, mapped: their pages outlive the removal of the folder."""
    return {
        name: np.asarray(np.load(folder / file, mmap_mode="c", allow_pickle=False))
        for name, file in files
    }


def peak_memory() -> int:
    """Return the largest resident size of this process in bytes.

    On Linux ru_maxrss also remembers the parent's size from before exec; VmHWM does not.
    """
    found = status("self").get("VmHWM")
    if found is None:
        scale = 1 if sys.platform == "darwin" else 1024
        found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    return found


def end_with_parent() -> None:
    """End this process as soon as its parent has ended: nobody writes to the pipe, so it closes."""
    os.read(0, 1)
    os._exit(1)


def main(folder: Path) -> None:
    """Be the child: do the job in request.json and leave answer.json."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    request = json.loads((folder / "request.json").read_text())
    module, function = request["job"].split(":")
    answer: dict[str, Any]
    try:
        run = getattr(import_module(module), function)
        feeds = load_arrays(folder, request["feeds"])
        start = time.perf_counter()
        outputs = run(request["path"], feeds, **request["options"])
        seconds = time.perf_counter() - start
        files = save_arrays(folder, "output", outputs)
        answer = {"outputs": files, "seconds": seconds, "peak": peak_memory()}
    except MmcError as error:
        answer = {"error": error.diagnostics[0].to_json()}
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
