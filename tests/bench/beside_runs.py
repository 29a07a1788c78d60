"""Newman and Schemathesis sending so many GET requests to one server: requests a second, their start not counted."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

Json = dict[str, Any]

NEWMAN = os.environ.get("BENCH_NEWMAN")
THREADS = 8
LIMIT = 900.0


class Newman:
    """The newest from npm, in a folder of its own; `BENCH_NEWMAN` names an installed one."""

    def __init__(self, url: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._url = url
        self.command = NEWMAN or self._installed()

    def _installed(self) -> str | None:
        if shutil.which("npm") is None:
            return None
        subprocess.run(["npm", "install", "newman"], cwd=self._folder.name, capture_output=True, check=True)
        return str(Path(self._folder.name) / "node_modules/.bin/newman")

    def rate(self, requests: int, *, checked: bool) -> float:
        """Requests a second, each with one check of its status or none: a check takes it longer than a request."""
        assert self.command
        command = [self.command, "run", str(self._collection(checked)), "--silent", "-n"]
        return requests / (_seconds([*command, str(requests + 1)]) - _seconds([*command, "1"]))

    def _collection(self, checked: bool) -> Path:
        test = {"type": "text/javascript", "exec": ["pm.test('200', () => pm.response.to.have.status(200));"]}
        item: Json = {"name": "thing", "request": {"method": "GET", "url": f"{self._url}/things/1?n=1"}}
        if checked:
            item["event"] = [{"listen": "test", "script": test}]
        schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
        written = Path(self._folder.name) / f"collection-{checked}.json"
        written.write_text(json.dumps({"info": {"name": "bench", "schema": schema}, "item": [item]}))
        return written

    def close(self) -> None:
        """Removes the folder."""
        self._folder.cleanup()


def schemathesis(url: str, requests: int, paths: int) -> float:
    """Requests a second: valid ones alone, with one check, by as many threads as are best for it."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [str(Path(sys.executable).with_name("st")), "run", f"{url}/openapi.json", "--url", url]
        command += ["--phases", "fuzzing", "--mode", "positive", "-c", "status_code_conformance", "-w", str(THREADS)]
        command += ["--max-examples", str(requests // paths), "--report", "json", "--report-json-path", str(report)]
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, capture_output=True, timeout=LIMIT, check=False)
        seconds = time.perf_counter() - began
        found = json.loads(report.read_text())
    assert found["test_cases"]["generated"] and not found["failures"], found
    # Its own clock begins after its imports.
    return float(found["test_cases"]["generated"] / min(seconds, found["running_time"]))


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, capture_output=True, timeout=LIMIT, check=True)
    return time.perf_counter() - began
