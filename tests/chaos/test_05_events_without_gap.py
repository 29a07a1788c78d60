"""Promise 5: events have no gap and no repeat."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.chaos.attack import Begin
from tests.chaos.load import says
from tests.chaos.plan import dice, size
from tests.client import Client, Json

READERS = size(20, 100)
WAVE = 25
EVENTS = size(40, 200)
CUT_AT_BYTES = (1, 9000)
FINAL = ("job.succeeded", "job.failed", "job.cancelled", "job.expired")


def follow(url: str, api_key: str, job_id: str, cuts: list[int]) -> list[Json]:
    """The job's events, read over a line that breaks; each time again after the last event that came whole."""
    seen: list[Json] = []
    with Client(url, api_key) as reader:
        while not seen or seen[-1]["type"] not in FINAL:
            try:
                seen.extend(reader.events(job_id, after=seen[-1]["sequence"] if seen else None))
            except (httpx.TransportError, json.JSONDecodeError):
                cuts.append(len(seen))
    return seen


def test_streams_cut_at_random_bytes_have_every_number_once(attack: Begin) -> None:
    here = attack(5, f"streams cut, {READERS} readers")
    random, cuts = dice("bytes"), list[int]()
    proxy = here.victim.api
    proxy.budget = lambda: random.randint(*CUT_AT_BYTES)
    url, key = f"http://127.0.0.1:{proxy.port}", here.victim.system.api_key
    ids: list[str] = []
    streams: list[list[Json]] = []
    try:
        # In waves: a busy worker merges what it streams, and would send fewer events.
        with ThreadPoolExecutor(WAVE) as pool:
            while len(ids) < READERS:
                wave = here.load.submit(min(WAVE, READERS), says(f"openai/slow-stream-{EVENTS * 5 // 4}", stream=True))
                streams += pool.map(lambda job_id: follow(url, key, job_id, cuts), wave)
                ids += wave
    finally:
        proxy.budget = lambda: None
    here.faults.done["streams cut"] += len(cuts)
    numbers = [[event["sequence"] for event in stream] for stream in streams]
    gaps = sum(found != list(range(1, len(found) + 1)) for found in numbers)
    assert not gaps, [found for found in numbers if found != list(range(1, len(found) + 1))][:3]
    assert sum(map(len, numbers)) >= EVENTS * READERS and len(cuts) >= READERS
    said = ["".join(e["data"].get("delta", {}).get("content", "") for e in stream) for stream in streams]
    with Client(here.victim.system.url, key) as user:
        assert said == [user.wait(job_id)["result"]["message"]["content"] for job_id in ids]
    here.verdict(seen=f"{sum(map(len, numbers))} events read")
