"""Telling watchers at once: one thread a process that sends events and deltas to Redis in pipelines.

A delta lives only here, in the job's Redis stream, under the entry id `<sequence>-0`. Redis refuses an entry that is
not newer than the last, so a worker that lost its lease cannot write into the numbers of the next attempt. Redis being
away loses deltas and wake-ups, never events: those are committed before, and readers also poll slowly.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from infra import ids, json
from infra.process import PerProcess
from infra.redis import SWEPT, RedisError, client, live_channel, live_key, project_channel, workers_key
from schemas.event import DELTA, FINAL_EVENTS, envelope
from workers.jobs.happened import Happened

LIVE_SECONDS = 24 * 3600
FORGET_WORKER_SECONDS = 60
AFTERWARDS_SECONDS = 600
ENTRIES_AT_MOST = 20_000
PIPELINE_AT_MOST = 500
WAITING_AT_MOST = 100_000

log = structlog.get_logger(__name__)

Command = Callable[[Any], None]


class Broadcaster:
    """Gathers what is to be told while Redis answers, and sends it as one pipeline."""

    def __init__(self) -> None:
        self._commands: deque[Command] = deque()
        self._sent: deque[Callable[[], None]] = deque()
        self._noticed: set[UUID] = set()
        self._wake = threading.Event()
        threading.Thread(target=self._run, name="live-broadcaster", daemon=True).start()

    def put(self, command: Command) -> None:
        """Adds one Redis command to the next pipeline; with far too many waiting for a slow Redis, drops it."""
        if len(self._commands) < WAITING_AT_MOST:
            self._commands.append(command)
        self._wake.set()

    def notice(self, project_id: UUID) -> None:
        """Says "look" to a project's followers; said once, however often it is asked for before it is sent."""
        if project_id not in self._noticed:
            self._noticed.add(project_id)

            def command(pipeline: Any) -> None:
                self._noticed.discard(project_id)
                pipeline.publish(project_channel(project_id), b"")

            self.put(command)

    def flushed(self, done: Callable[[], None]) -> None:
        """Calls `done` (from the broadcaster's thread) when all that was put before is sent, or given up."""

        def mark(_pipeline: Any) -> None:
            self._sent.append(done)

        self._commands.append(mark)
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._commands:
                self._send()

    def _send(self) -> None:
        try:
            with client().pipeline(transaction=False) as pipeline:
                for _ in range(min(len(self._commands), PIPELINE_AT_MOST)):
                    self._commands.popleft()(pipeline)
                pipeline.execute(raise_on_error=False)
        except RedisError as error:
            log.warning("live.redis_unreachable", error=str(error))
        except Exception:
            log.exception("live.broadcast_failed")
        while self._sent:
            self._sent.popleft()()


broadcaster = PerProcess(Broadcaster)


def announce(happened: Sequence[Happened]) -> None:
    """Tells watchers of committed events; returns at once."""
    out = broadcaster()
    for one in happened:
        out.put(_announcement(one))
    notice(*{one.project_id for one in happened})


def notice(*project_ids: UUID) -> None:
    """Tells who follows these projects that they have new events; returns at once."""
    for project_id in project_ids:
        broadcaster().notice(project_id)


def _announcement(one: Happened) -> Command:
    def command(pipeline: Any) -> None:
        body = envelope(
            id=one.id,
            type=one.type,
            created_at=one.created_at,
            project_id=one.project_id,
            sequence=one.sequence,
            data=one.data,
        )
        pipeline.publish(live_channel(one.job_id), json.dump_bytes(body))
        if one.type in FINAL_EVENTS:
            pipeline.expire(live_key(one.job_id), AFTERWARDS_SECONDS)

    return command


def delta(*, job_id: UUID, project_id: UUID, sequence: int, created_at: datetime, data: dict[str, Any]) -> None:
    """Streams a piece of an answer; returns at once."""

    def command(pipeline: Any) -> None:
        body = json.dump_bytes(
            envelope(
                id=ids.new_id(),
                type=DELTA,
                created_at=created_at,
                project_id=project_id,
                sequence=sequence,
                data={"job_id": ids.show("job", job_id), "delta": data},
            )
        )
        key = live_key(job_id)
        pipeline.xadd(key, {"event": body}, id=f"{sequence}-0", maxlen=ENTRIES_AT_MOST, approximate=True)
        pipeline.expire(key, LIVE_SECONDS)
        pipeline.publish(live_channel(job_id), body)

    broadcaster().put(command)


def present(worker: str, queues: Sequence[str]) -> None:
    """Notes that this worker listens to these queues; returns at once."""

    def command(pipeline: Any) -> None:
        moment = time.time()
        for queue in queues:
            key = workers_key(queue)
            pipeline.zadd(key, {worker: moment})
            pipeline.zremrangebyscore(key, 0, moment - FORGET_WORKER_SECONDS)
            pipeline.expire(key, FORGET_WORKER_SECONDS)

    broadcaster().put(command)


def swept() -> None:
    """Notes that the jobs are swept now, which shows that beat, broker and a worker do their part; returns at once."""
    broadcaster().put(lambda pipeline: pipeline.set(SWEPT, time.time()))


def fence(job_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Closes the jobs' streams for the workers that lost them; returns the number that each job's next event takes.

    Only jobs that streamed have one. With Redis away nothing can be streamed either, and the answer is empty.
    """
    try:
        with client().pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.xrevrange(live_key(job_id), count=1)
            newest = pipeline.execute()
            tops = {
                job_id: int(entries[0][0].split(b"-")[0]) + 1
                for job_id, entries in zip(job_ids, newest, strict=True)
                if entries
            }
            for job_id, top in tops.items():
                pipeline.xadd(live_key(job_id), {"fence": b""}, id=f"{top}-0")
            pipeline.execute(raise_on_error=False)
    except RedisError as error:
        log.warning("live.redis_unreachable", error=str(error))
        return {}
    return tops
