"""A small client, as a user would write one."""

import json
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx

Json = dict[str, Any]
HELLO: list[Json] = [{"role": "user", "content": "hello"}]


class Client:
    """Speaks to one Switchyard with one key."""

    def __init__(self, url: str, api_key: str | None) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=70.0, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.http.close()

    def submit(self, input: Json | None = None, *, kind: str = "completion", **wish: Any) -> Json:
        """A job that was accepted; by default the sandbox answers a hello."""
        body = {"kind": kind, "input": input or {"model": "sandbox/instant", "messages": HELLO}, **wish}
        answer = self.http.post("/v1/jobs", json=body)
        assert answer.status_code == 202, answer.text
        found: Json = answer.json()
        return found

    def wait(self, job_id: str, seconds: float = 30) -> Json:
        """The job, final."""
        found: Json = self.http.get(f"/v1/jobs/{job_id}", params={"wait": seconds}).json()
        return found

    def run(self, input: Json | None = None, **wish: Any) -> Json:
        """Submits a job and waits for its end."""
        return self.wait(self.submit(input, **wish)["id"])

    def events(self, job_id: str, *, after: int | None = None) -> Iterator[Json]:
        """The job's events as they come over SSE."""
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        with self.http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
            assert answer.status_code in (200, 204), answer.read()
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))
