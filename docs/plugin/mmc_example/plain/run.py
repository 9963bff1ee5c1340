"""How an artifact is run, in a child process: `run(path, feeds, values=...) -> outputs by name`."""

from mmc.verification.reference import run as run
