"""Jobs as users submit them: from several threads, each again until it was accepted."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx

from tests.client import Client, Json

THREADS = 8
GIVE_UP_SECONDS = 120.0
AGAIN_SECONDS = 0.1

Ask = Callable[[str], Json]


def says(model: str, **more: Any) -> Ask:
    """An input for that model; its first message is the job's own, by which the provider knows it."""
    return lambda marker: {"model": model, "messages": [{"role": "user", "content": marker}], **more}


def talks(words: int, **more: Any) -> Ask:
    """An input that the sandbox answers with more than so many words, one in 10 ms."""
    ask = says("sandbox", **more)
    return lambda marker: ask(" ".join([marker, *["word"] * words]))


class Load:
    """The jobs of one attack. `accepted` maps each one's marker to the id that was answered with 202."""

    def __init__(self, url: str, api_key: str, name: str) -> None:
        self.name = name
        self.client = Client(url, api_key)
        self.accepted: dict[str, str] = {}
        self.inputs: dict[str, Json] = {}
        # Every answer that was not a 202: how often each, and how long the slowest of them, and of all, took.
        self.refusals: Counter[str] = Counter()
        self.slowest_refusal = self.slowest = 0.0
        self.retry_afters: set[str] = set()
        self._numbers = itertools.count()

    def submit(self, count: int, ask: Ask, **wish: Any) -> list[str]:
        """Submits that many jobs from several threads; returns the ids that were accepted."""
        with ThreadPoolExecutor(THREADS) as pool:
            ids = list(pool.map(lambda _: self.one(ask, **wish), range(count)))
        return [job_id for job_id in ids if job_id is not None]

    def one(self, ask: Ask, **wish: Any) -> str | None:
        """Submits one job until it is accepted, always with the same Idempotency-Key; None if it was refused."""
        marker = f"{self.name}-{next(self._numbers)}"
        self.inputs[marker] = ask(marker)
        wish = {"max_attempts": 20, **wish}
        body = {"kind": "completion", "input": self.inputs[marker], "metadata": {"chaos": self.name}, **wish}
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < give_up_at:
            answer = self._post(body, marker)
            if answer is not None and answer.status_code == 202:
                self.accepted[marker] = answer.json()["id"]
                return self.accepted[marker]
            if answer is not None and answer.status_code == 429:
                return None
            time.sleep(AGAIN_SECONDS)
        raise AssertionError(f"{marker} was not accepted within {GIVE_UP_SECONDS:.0f} s: {dict(self.refusals)}")

    def _post(self, body: Json, marker: str) -> httpx.Response | None:
        began = time.monotonic()
        try:
            answer = self.client.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": marker})
        except httpx.TransportError as error:
            self.refusals[type(error).__name__] += 1
            return None
        seconds = time.monotonic() - began
        self.slowest = max(self.slowest, seconds)
        if answer.status_code != 202:
            self._refused(answer, seconds)
        return answer

    def _refused(self, answer: httpx.Response, seconds: float) -> None:
        assert answer.headers["Content-Type"] == "application/problem+json", answer.text
        self.refusals[f"{answer.status_code} {answer.json()['code']}"] += 1
        self.slowest_refusal = max(self.slowest_refusal, seconds)
        if answer.status_code in (429, 503):
            self.retry_afters.add(answer.headers.get("Retry-After", "none"))

    @contextmanager
    def going_on(
        self, *asks: Ask, at_most: int, threads: int = THREADS, pause: float = 0.0, **wish: Any
    ) -> Iterator[None]:
        """Submits jobs of these sorts in turn while the block runs, and no more than `at_most`."""
        over = threading.Event()
        tickets = itertools.islice(itertools.cycle(asks), at_most)
        lock = threading.Lock()

        def go_on() -> None:
            while not over.is_set():
                with lock:
                    ask = next(tickets, None)
                if ask is None:
                    return
                self.one(ask, **wish)
                over.wait(pause)

        with ThreadPoolExecutor(threads) as pool:
            working = [pool.submit(go_on) for _ in range(threads)]
            try:
                yield
            finally:
                over.set()
        for one in working:
            one.result()
