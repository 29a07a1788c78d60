"""Everything that happens in a project, to everybody who follows it.

A process reads a project's new events once, whoever many follow it: when Redis says that there are some, one read at a
time, and again in a moment while some are not settled. A follower with an older cursor reads by itself up to where it
meets the others.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from uuid import UUID

import structlog

from api.hub import Hub, hub
from infra import db
from infra.errors import Unavailable
from infra.process import PerProcess
from infra.redis import project_channel
from workers.jobs import feed
from workers.jobs.feed import Found, Place, Stretch

EVENTS_A_READ = 500
EVENTS_A_BACKLOG_READ = 100
# Between two reads: more happens meanwhile under load, and a transaction that holds others up takes a while.
PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.05
AFTER_AN_ERROR_SECONDS = 1.0
GATHERED_AT_MOST = 2_000
PROJECTS_A_LOOK = 1_000

log = structlog.get_logger(__name__)


class Feed:
    """One project's events, read as they come; `place` is how far that is."""

    def __init__(self, here: Hub, project_id: UUID) -> None:
        self.followers: set[Follower] = set()
        self.users = 0
        self.place = feed.BEGINNING
        self._here, self._project_id = here, project_id
        self._asked: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._work = here.always(self._run())

    def wake(self, _message: bytes = b"") -> None:
        """There may be something to read."""
        self._wake.set()

    async def caught_up(self) -> None:
        """Returns when all is read that was settled at the call; raises Unavailable while that cannot be."""
        asked = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        self._wake.set()
        await asked

    def end(self) -> None:
        """Nobody follows any more."""
        self._work.cancel()

    async def _run(self) -> None:
        await self._here.listen(project_channel(self._project_id), self.wake)
        begun, pause = False, PAUSE_SECONDS
        while True:
            await self._wake.wait()
            self._wake.clear()
            asked, self._asked = self._asked, []
            try:
                if not begun:
                    self.place = await self._here.read(partial(_newest, self._project_id))
                    begun = True
                found = await self._read()
            except Exception as error:
                log.warning("feed.read_failed", error=str(error).partition("\n")[0])
                _answer(asked, Unavailable())
                await asyncio.sleep(AFTER_AN_ERROR_SECONDS)
                self._wake.set()
                continue
            _answer(asked)
            await asyncio.sleep(pause)
            # What is not settled comes without another notice.
            if found.unsettled:
                self._wake.set()
            pause = PAUSE_SECONDS if found.events or not found.unsettled else min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _read(self) -> Stretch:
        while True:
            found = await self._here.read(partial(read, self._project_id, self.place, EVENTS_A_READ))
            self.place = found.place
            if found.events:
                for follower in self.followers:
                    follower.tell(found.events, found.place)
            if not found.more:
                return found


def _answer(asked: list[asyncio.Future[None]], error: Exception | None = None) -> None:
    for one in asked:
        if not one.done():
            one.set_exception(error) if error else one.set_result(None)


class Feeds:
    """The feeds of this process, each there as long as somebody follows it."""

    def __init__(self, here: Hub) -> None:
        self._here = here
        self._feeds: dict[UUID, Feed] = {}
        here.on_net(self._look)
        here.on_close(self._close)

    @asynccontextmanager
    async def of(self, project_id: UUID) -> AsyncIterator[Feed]:
        """The project's feed."""
        found = self._feeds.get(project_id)
        if found is None:
            found = self._feeds[project_id] = Feed(self._here, project_id)
        found.users += 1
        try:
            yield found
        finally:
            found.users -= 1
            if not found.users:
                del self._feeds[project_id]
                found.end()
                await self._here.leave(project_channel(project_id))

    async def _look(self, _live: bool) -> None:
        ids = iter(list(self._feeds))
        while chunk := list(islice(ids, PROJECTS_A_LOOK)):
            places = {one: self._feeds[one].place for one in chunk if one in self._feeds}
            for project_id in await self._here.read(partial(_moved, places)):
                if project_id in self._feeds:
                    self._feeds[project_id].wake()

    def _close(self) -> None:
        for one in self._feeds.values():
            for follower in one.followers:
                follower.look_up()


feeds = PerProcess(lambda: Feeds(hub()))


class Follower:
    """One reader on its way along a project's events; `place` is behind the last that was handed out, or passed over
    because it is of no wanted type."""

    __slots__ = ("_behind", "_count", "_told", "_waiter", "place", "project_id", "types")

    def __init__(self, project_id: UUID, place: Place | None, types: frozenset[str] | None) -> None:
        self.project_id, self.types = project_id, types
        self.place = place or feed.BEGINNING
        self._told: list[tuple[list[Found], Place]] = []
        self._count = 0
        self._behind = place is not None
        self._waiter: asyncio.Future[None] | None = None

    def tell(self, events: list[Found], place: Place) -> None:
        """New events, after which one stands there. A follower that is far behind reads them itself, later."""
        if self.types is not None:
            events = [one for one in events if one.type in self.types]
        if not events and self._waiter is not None and not self._told:
            self.place = max(self.place, place)
            return
        if self._behind or self._count + len(events) > GATHERED_AT_MOST:
            self._behind = True
            self._told, self._count = [], 0
        else:
            self._told.append((events, place))
            self._count += len(events) + 1
        if events:
            self.look_up()

    def look_up(self) -> None:
        """Ends its waiting."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def batches(self) -> AsyncIterator[list[Found]]:
        """Lists of events, each event once and in order; the first list is empty, and says that `place` is known."""
        here = hub()
        async with feeds().of(self.project_id) as found:
            await found.caught_up()
            found.followers.add(self)
            if not self._behind:
                self.place = found.place
            try:
                yield []
                while not here.closing:
                    if self._behind:
                        async for events in self._backlog(here):
                            yield events
                    elif events := self._gathered():
                        yield events
                    else:
                        await self._wait(here)
            finally:
                found.followers.discard(self)

    async def _backlog(self, here: Hub) -> AsyncIterator[list[Found]]:
        """What is to be read up to here; whatever the feed reads from now on is told, or leaves us behind again."""
        self._behind, more = False, True
        while more and not here.closing:
            found = await here.read(partial(read, self.project_id, self.place, EVENTS_A_BACKLOG_READ, self.types))
            self.place, more = found.place, found.more
            if found.events:
                yield found.events

    def _gathered(self) -> list[Found]:
        told, self._told, self._count = self._told, [], 0
        events = [one for some, _ in told for one in some if one.place > self.place]
        self.place = max([self.place, *(place for _, place in told)])
        return events

    async def _wait(self, here: Hub) -> None:
        self._waiter = here.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None


def read(project_id: UUID, after: Place, limit: int, types: frozenset[str] | None = None) -> Stretch:
    """A stretch of the project's events, in a transaction of its own."""
    with db.transaction() as session:
        return feed.read(session, project_id=project_id, after=after, limit=limit, types=types)


def _newest(project_id: UUID) -> Place:
    with db.transaction() as session:
        return feed.newest(session, project_id)


def _moved(places: dict[UUID, Place]) -> list[UUID]:
    with db.transaction() as session:
        return list(feed.moved(session, places))
