"""Chromium without a window, spoken to through two pipes: what a test needs of a browser, no more.

The protocol is Chromium's own (https://chromedevtools.github.io/devtools-protocol/).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

BINARY = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    " --disable-background-networking --disable-component-update --remote-debugging-pipe"
).split()


class Browser:
    """One page. `events` are what Chromium told in between: errors, requests."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading, self.writing = os.fdopen(reading, "rb"), os.fdopen(writing, "wb")
        self.number, self.session = 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> Any:
        """Return the answer to one command."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.writing.write(json.dumps(message).encode() + b"\0")
        self.writing.flush()
        while True:
            told = self.receive()
            if told.get("id") == self.number:
                assert "error" not in told, told
                return told["result"]

    def receive(self) -> dict[str, Any]:
        """Return the next message; events are kept."""
        text = b""
        while not text.endswith(b"\0"):
            byte = self.reading.read(1)
            assert byte, "Chromium ended"
            text += byte
        told: dict[str, Any] = json.loads(text[:-1])
        if "method" in told:
            self.events.append(told)
        return told

    def open(self, path: Path, width: int = 1280, height: int = 900) -> None:
        """Show a file in a window of this size."""
        metrics = {"deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, **metrics)
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while not any(e["method"] == "Page.loadEventFired" for e in self.events):
            self.receive()

    def run(self, script: str) -> Any:
        """Return the value of an expression; it fails where the expression does."""
        told = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def shot(self, path: Path) -> None:
        """Write what is seen as PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def errors(self) -> list[dict[str, Any]]:
        """Return uncaught exceptions and what the log calls errors, such as refused loads."""
        return [
            e
            for e in self.events
            if e["method"] == "Runtime.exceptionThrown"
            or (e["method"] == "Log.entryAdded" and e["params"]["entry"]["level"] == "error")
        ]

    def requests(self) -> list[str]:
        """Return every address that the page asked for."""
        sent = (e for e in self.events if e["method"] == "Network.requestWillBeSent")
        return [e["params"]["request"]["url"] for e in sent]


@contextmanager
def browser() -> Iterator[Browser]:
    """Yield a browser that ends with the block."""
    assert BINARY
    to_child, to_parent = os.pipe(), os.pipe()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [BINARY, *OPTIONS, f"--user-data-dir={folder}"]
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_child[0]} 4>&{to_parent[1]}', "chromium", *command],
            pass_fds=(to_child[0], to_parent[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_child[0])
        os.close(to_parent[1])
        try:
            yield Browser(to_parent[0], to_child[1])
        finally:
            process.kill()
            process.wait()
