"""Following a run goes on after each break where it was, and ends with a sentence where that makes no sense."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.remote_run import Following, Remote, TimeIsUp, Trouble
from tests.fakes.target import Request, Target, answer, serving

Json = dict[str, Any]
JOB = "job_" + "1" * 32
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def event(sequence: int, type: str = "job.progress") -> bytes:
    said = {"sequence": sequence, "type": type, "data": {}}
    return f"id: {sequence}\nevent: {type}\ndata: {json.dumps(said)}\n\n".encode()


def problem(status: str, **said: Any) -> bytes:
    return answer(json.dumps({"detail": "This is why.", "errors": [], **said}).encode(), status=status)


def talked(replies: list[bytes], use: Callable[[Remote], Any], *, key: str = "k") -> tuple[Any, Target]:
    """What `use` gets of a server that gives these replies, one a connection; the last one again and again."""

    async def go() -> tuple[Any, Target]:
        left = list(replies)

        async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()
            writer.close()

        async with serving(talk) as target:
            with Remote(target.url("/"), key, sleep=lambda _: None) as remote:
                return await asyncio.to_thread(use, remote), target

    return asyncio.run(asyncio.wait_for(go(), 20))


def events(remote: Remote, seconds: float = 20) -> list[int]:
    return [one["sequence"] for one in remote.events(Following(JOB), time.monotonic() + seconds)]


def test_each_event_comes_once_however_often_the_connection_breaks() -> None:
    again = problem("503 Service Unavailable")
    replies = [STREAM + b"retry: 1\n\n" + event(1) + event(2), again, b"", STREAM + b": still here\n\n" + event(3),
               STREAM + event(4, "job.succeeded")]  # fmt: skip
    seen, target = talked(replies, events)
    assert seen == [1, 2, 3, 4]
    asked = [one.headers.get("last-event-id") for one in target.requests if one.path.endswith("/events")]
    assert asked == ["0", "2", "2", "2", "3"]


def test_it_ends_where_nothing_follows_any_more() -> None:
    seen, _ = talked([STREAM + event(1), b"HTTP/1.1 204 No Content\r\n\r\n"], events)
    assert seen == [1]


def test_time_is_up() -> None:
    with pytest.raises(TimeIsUp):
        talked([STREAM + b": still here\n\n"], lambda remote: events(remote, 0.3))


def test_a_run_is_started_once_however_often_that_is_asked() -> None:
    busy = problem("429 Too Many Requests")
    started, target = talked(
        [busy, b"", answer(json.dumps({"id": JOB}).encode())], lambda remote: remote.start({"suite": "x"})
    )
    assert started.run_id == JOB.replace("job_", "run_")
    assert len({one.headers["idempotency-key"] for one in target.requests}) == 1 and len(target.requests) == 3
    assert target.requests[0].headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (problem("401 Unauthorized"), "SWITCHYARD_API_KEY"),
        (problem("403 Forbidden"), "tests:run"),
        (problem("422 X", errors=[{"pointer": "/input/suite", "detail": "No such."}]), "/input/suite: No such."),
        (problem("404 Not Found"), "This is why."),
        (answer(b"<html>"), "is no Switchyard"),
        (answer(b"<html>", status="404 Not Found"), "is no Switchyard"),
        (answer(b"", status="302 Found", location="http://elsewhere/"), "is no Switchyard"),
        (answer(b'{"id": 7}'), "is no Switchyard"),
    ],
)
def test_a_refusal_is_a_sentence_that_says_what_to_do(reply: bytes, says: str) -> None:
    with pytest.raises(Trouble, match=says):
        talked([reply], lambda remote: remote.start({}))


def test_a_url_or_key_that_is_none_is_named() -> None:
    for url, key in (("http://[x", "k"), ("x", "k"), ("http://127.0.0.1:9", "schlüssel")):
        with pytest.raises(Trouble), Remote(url, key, sleep=lambda _: None) as remote:
            remote.start({})


def test_a_key_is_shown_to_nobody_and_may_end_with_a_line_break() -> None:
    with pytest.raises(Trouble) as trouble, Remote("http://127.0.0.1:9", "sy_live_one\ntwo"):
        pass
    assert "sy_live" not in str(trouble.value) and "SWITCHYARD_API_KEY" in str(trouble.value)
    with Remote("http://127.0.0.1:9", "k\n") as remote:
        assert remote._http.headers["authorization"] == "Bearer k"


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    save: Callable[[Remote], Any] = lambda remote: remote.save_report(Following(JOB), "junit", tmp_path / "out.xml")  # noqa: E731
    talked([answer(b"<testsuites/>")], save)
    assert (tmp_path / "out.xml").read_bytes() == b"<testsuites/>"
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n<test"
    with pytest.raises(Trouble):
        talked([half], save)
    assert [one.name for one in tmp_path.iterdir()] == ["out.xml"]
    assert (tmp_path / "out.xml").read_bytes() == b"<testsuites/>"
