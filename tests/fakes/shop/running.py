"""Starts the shop for a `with` block, on a free port of loopback: `with running() as shop: shop.url, shop.faults()`.

The same process can be used by many tests: `shop.switch("slow_search")` seeds faults, `shop.switch()` takes them all
away, `shop.reset()` makes the data new.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from infra.dev.ports import free_port, listening
from tests.fakes.shop.store import CUSTOMER_TOKEN, STAFF_KEY

Json = dict[str, Any]

ROOT = Path(__file__).parents[3]
PATIENCE = 15.0


@dataclass(frozen=True)
class Shop:
    """The running shop; `http` sends no credentials of its own."""

    port: int
    http: httpx.Client
    customer_token: str = CUSTOMER_TOKEN
    staff_key: str = STAFF_KEY

    @property
    def url(self) -> str:
        """The address that the specification's paths are joined to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        """Headers that any operation accepts."""
        return {"Authorization": f"Bearer {self.customer_token}", "X-Api-Key": self.staff_key}

    def specification(self) -> Json:
        """The OpenAPI description, as its door serves it."""
        found: Json = self.http.get("/openapi.json").json()
        return found

    def faults(self) -> list[Json]:
        """Every fault there is: name, category, operation, sentence, hard."""
        found: list[Json] = self.http.get("/__faults").json()
        return found

    def switch(self, *names: str) -> None:
        """From now on exactly these faults."""
        self.http.put("/__faults", json={"on": names}).raise_for_status()

    def reset(self) -> None:
        """All data as it was at the start; faults stay."""
        self.http.post("/__reset").raise_for_status()


@contextmanager
def running() -> Iterator[Shop]:
    """The shop, answering; its process ends with the block."""
    port = free_port()
    command = [sys.executable, "-m", "tests.fakes.shop", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        limit = time.monotonic() + PATIENCE
        while not listening(port):
            if process.poll() is not None or time.monotonic() > limit:
                raise TimeoutError(f"the shop does not answer on port {port}")
            time.sleep(0.02)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10.0) as http:
            yield Shop(port, http)
    finally:
        process.terminate()
        process.wait(PATIENCE)
