"""The proof that it runs: one completion from HTTP to worker to database to event, watched live."""

import time
from collections.abc import Callable

from infra.dev.client import Client
from infra.dev.problem import Problem

QUESTION = "Say in one sentence what a switchyard is."
BODY = {
    "kind": "completion",
    "input": {"model": "sandbox", "messages": [{"role": "user", "content": QUESTION}], "stream": True},
}


def demonstrate(client: Client, write: Callable[[str], None]) -> None:
    """Submit a completion, write its id, its answer token by token and its end; a Problem if it does not succeed."""
    begun = time.monotonic()
    job = client.post("/v1/jobs", BODY)
    write(f"\nPOST /v1/jobs  {job['kind']}  →  {job['id']}  {job['status']}\n")
    write(f"  question  {QUESTION}\n  answer    ")
    for event in client.events(f"/v1/jobs/{job['id']}/events"):
        if event["type"] == "job.delta":
            write(event["data"].get("delta", {}).get("content") or "")
    write("\n")
    job = client.get(f"/v1/jobs/{job['id']}")
    write(f"  status    {job['status']} after {time.monotonic() - begun:.2f} s\n")
    if job["status"] != "succeeded":
        raise Problem(f"the demonstration's job ended as {job['status']}: {job['error']}")
