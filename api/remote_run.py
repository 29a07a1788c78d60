"""A test run on a Switchyard elsewhere, as the command line follows it: over HTTP, with a key, and nothing else.

Nothing here reads settings or a database; it starts fast on a machine that has neither.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx2

Json = dict[str, Any]

# How long a server may be away, between two answers, before it is given up.
AWAY_SECONDS = 60.0
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)
UNREACHABLE_TRIES = 2
# The server says something every 15 seconds.
SILENT_SECONDS = 45.0
NEAR_SECONDS = 15.0
FINAL = frozenset(("job.succeeded", "job.failed", "job.cancelled", "job.expired"))
SUPPOSED_TO_PASS = (429, 500, 502, 503, 504)


class Trouble(Exception):
    """It could not be found out whether the tests pass; says why, and what to do."""


class TimeIsUp(Trouble):
    """The run takes longer than somebody wants to wait."""


@dataclass(slots=True)
class Following:
    """A run that was started; `after` is the last event that was seen, `is_over` that nothing comes after it."""

    job_id: str
    after: int = 0
    is_over: bool = False

    @property
    def run_id(self) -> str:
        """The run has its job's number."""
        return self.job_id.replace("job_", "run_")


class Remote:
    """One Switchyard and one key. `sleep` waits between tries."""

    def __init__(self, url: str, api_key: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url, self._sleep = url.rstrip("/"), sleep
        # A secret of a CI system often ends with a line break; and what a message quotes ends up in its log.
        api_key = api_key.strip()
        if not (api_key.isascii() and api_key.isprintable()):
            raise Trouble("The API key has characters that no key has. Check SWITCHYARD_API_KEY, or --api-key.")
        headers = {"Authorization": f"Bearer {api_key}", "User-Agent": "switchyard-cli"}
        try:
            self._http = httpx2.Client(base_url=self._url, headers=headers, timeout=httpx2.Timeout(30.0, connect=10.0))
        except (httpx2.InvalidURL, UnicodeEncodeError, ValueError) as error:
            raise Trouble(f"The URL cannot be used: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def start(self, wanted: Json) -> Following:
        """Starts a run, once, however often the request has to be sent."""
        answer = self._asked("POST", "/v1/test_runs", json=wanted, headers={"Idempotency-Key": str(uuid4())})
        return Following(self._json(answer, "id")["id"])

    def events(self, run: Following, deadline: float) -> Iterator[Json]:
        """What happens in the run, each event once, to its final one; goes on after the last one where the connection
        breaks. Raises TimeIsUp at the deadline (of time.monotonic), and Trouble where the server stays away."""
        last_heard, tries = time.monotonic(), 0
        while True:
            try:
                for event in self._stream(run, deadline):
                    last_heard, tries = time.monotonic(), 0
                    if event is None:
                        continue
                    yield event
                    if event["type"] in FINAL:
                        return
                if run.is_over:
                    return
            except (httpx2.TransportError, httpx2.StreamError) as error:
                if time.monotonic() - last_heard > AWAY_SECONDS:
                    raise Trouble(self._unreachable(error)) from None
            self._require_time(deadline)
            self._sleep(min(WAITS[min(tries, len(WAITS) - 1)], max(0.0, deadline - time.monotonic())))
            tries += 1

    def _stream(self, run: Following, deadline: float) -> Iterator[Json | None]:
        """The events of one connection, and None for each other sign of life."""
        left = deadline - time.monotonic()
        silent = min(SILENT_SECONDS, left) if left < NEAR_SECONDS else SILENT_SECONDS
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(run.after)}
        timeout = httpx2.Timeout(max(0.1, silent), connect=10.0)
        with self._http.stream("GET", f"/v1/jobs/{run.job_id}/events", headers=headers, timeout=timeout) as answer:
            run.is_over = answer.status_code == 204
            if answer.status_code in SUPPOSED_TO_PASS:
                raise httpx2.RemoteProtocolError(f"the server answered {answer.status_code}")
            if answer.status_code != 200:
                answer.read()
                self._refuse(answer)
                return
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    event = json.loads(line[5:])
                    run.after = max(run.after, int(event.get("sequence") or 0))
                    yield event
                else:
                    yield None
                self._require_time(deadline)
                if silent == SILENT_SECONDS and deadline - time.monotonic() < NEAR_SECONDS:
                    return

    def _require_time(self, deadline: float) -> None:
        if time.monotonic() >= deadline:
            raise TimeIsUp("The run takes longer than --timeout allows.")

    def ended(self, run: Following) -> Json:
        """The run as it ended."""
        return self._json(self._asked("GET", f"/v1/test_runs/{run.run_id}"), "status")

    def cancel(self, run: Following) -> None:
        """Stops the run; one that has ended stays as it is."""
        self._http.post(f"/v1/test_runs/{run.run_id}/cancel")

    def save_report(self, run: Following, form: str, path: Path) -> None:
        """Writes a report to a file, whole or not at all."""
        answer = self._asked(
            "GET", f"/v1/test_runs/{run.run_id}/report", params={"format": form}, follow_redirects=True
        )
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_bytes(answer.content)
            part.replace(path)
        except OSError as error:
            raise Trouble(f"The report cannot be written to {path}: {error.strerror}.") from None

    def _asked(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """The answer of a request that may be repeated; raises Trouble."""
        unreachable = 0
        for tries, wait in enumerate(WAITS, start=1):
            try:
                answer = self._http.request(method, path, **options)
                unreachable = 0
                if answer.status_code not in SUPPOSED_TO_PASS or tries == len(WAITS):
                    return self._refuse(answer)
                after = answer.headers.get("Retry-After", "")
                wait = min(float(after), 30.0) if after.isdecimal() else wait
            except httpx2.TransportError as error:
                unreachable += 1
                if unreachable > UNREACHABLE_TRIES or isinstance(error, httpx2.UnsupportedProtocol):
                    raise Trouble(self._unreachable(error)) from None
            self._sleep(wait)
        raise Trouble(f"{self._url} is too busy; try again later.")

    def _json(self, answer: httpx2.Response, name: str) -> Json:
        """The answer's object, which has a text of that name; raises Trouble."""
        try:
            found: Json = answer.json()
            if isinstance(found[name], str):
                return found
        except (ValueError, KeyError, TypeError):
            pass
        raise Trouble(self._no_switchyard(answer))

    def _no_switchyard(self, answer: httpx2.Response) -> str:
        return f"{self._url} answered {answer.status_code} and is no Switchyard, or something stands before it."

    def _unreachable(self, error: Exception) -> str:
        why = str(error).rstrip(".") or type(error).__name__
        return f"No Switchyard answers at {self._url}: {why}. Check --url, and that it runs."

    def _refuse(self, answer: httpx2.Response) -> httpx2.Response:
        """The answer, if it is a good one; raises Trouble with what the server says and what to do."""
        if answer.is_success:
            return answer
        try:
            problem = answer.json()
            detail, errors = problem["detail"], problem.get("errors") or []
        except (ValueError, KeyError, TypeError):
            raise Trouble(self._no_switchyard(answer)) from None
        if answer.status_code == 401:
            raise Trouble(f"The API key is not accepted: {detail} Set SWITCHYARD_API_KEY, or --api-key.")
        if answer.status_code == 403:
            raise Trouble(
                f"The API key may not do this: {detail} It needs the scopes tests:run, tests:read, jobs:read."
            )
        said = [one for one in errors[:10] if one["detail"] != detail]
        places = "".join(f"\n  {one['pointer'] or 'the request'}: {one['detail']}" for one in said)
        raise Trouble(f"{detail}{places}")
