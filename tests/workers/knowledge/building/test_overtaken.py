"""Attempts of a build that wake up when another one has gone on without them change nothing."""

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from infra import db
from infra.errors import Unavailable, VersionNotReady
from schemas.rag_build import RagBuildIn
from tests.workers.knowledge.conftest import Knowledge
from tests.workers.knowledge.test_builds import FAKE, Attempt, Dies, Killed, build, version_of, visible
from workers.knowledge import clearing, versions
from workers.knowledge.building import abandoned, begin, cutting
from workers.knowledge.building.state import Build
from workers.knowledge.search import segments
from workers.knowledge.search.find import SearchWish, find

__all__ = ["build"]

WAITS = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE :like"
HOLD = "SELECT FROM kb_versions WHERE knowledge_base_id = :kb AND number = :number FOR UPDATE"
FINISH = "UPDATE kb_versions SET state = 'ready', built_at = now() WHERE knowledge_base_id = :kb AND number = :number"


def overtaken(knowledge: Knowledge, build: Callable[..., Any]) -> Build:
    """What the first attempt of a build knows, after the second has finished it."""
    first = Dies(knowledge, "chunking")
    with pytest.raises(Killed):
        build(first)
    wish = RagBuildIn().load({"embedding_model": FAKE})
    stale = begin.begin(knowledge.project, knowledge.id, first.job_id, 1, wish)
    build(Attempt(knowledge, first.job_id, attempt=2))
    return stale


@contextmanager
def beside(knowledge: Knowledge, work: Callable[[], Any], *, waits_in: str) -> Any:
    """Runs the block when the work, on its own thread, waits for a lock in a statement like that."""
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(work()))
    thread.start()
    until = time.monotonic() + 2.5
    while not knowledge.core.sql(WAITS, like=f"%{waits_in}%")[0].n:
        assert time.monotonic() < until, "It does not wait."
    yield done
    thread.join()


def test_it_opens_no_chunk_again_that_the_next_attempt_has_closed(knowledge, fake, build):
    knowledge.put(a="One.", b="Two.")
    build()
    knowledge.put(a="One, changed.")
    stale = overtaken(knowledge, build)
    with pytest.raises(Unavailable):
        begin.undo(knowledge.id, ready=stale.base, number=stale.number, held=stale)
    assert visible(knowledge, 2) == ["One, changed.", "Two."]


def test_it_leaves_the_index_of_later_builds_as_it_is(knowledge, fake, run, build):
    knowledge.put(a="Apples.")
    stale = overtaken(knowledge, build)
    knowledge.put(b="Bananas.")
    build()
    assert segments.refresh(knowledge.id, stale.number) == 0
    found = run(find(knowledge.project, knowledge.id, SearchWish("bananas", mode="text", version=2)))
    assert [hit.key for hit in found.hits] == ["b"]


def test_a_version_that_is_finished_while_the_clock_gives_it_up_keeps_its_chunks(knowledge, fake, build):
    knowledge.put(a="One.")
    first = Dies(knowledge, "evaluating")
    with pytest.raises(Killed):
        build(first)
    knowledge.core.sql("UPDATE jobs SET status = 'cancelled' WHERE id = :id", id=first.job_id)
    asked = {"kb": knowledge.id, "number": 1}
    with db.transaction() as session:
        session.execute(text(HOLD), asked)
        with beside(knowledge, abandoned.sweep, waits_in="FROM kb_versions%FOR UPDATE") as done:
            session.execute(text(FINISH), asked)
            session.commit()
    assert done == [0]
    assert (version_of(knowledge, 1).state, visible(knowledge, 1)) == ("ready", ["One."])


def test_nothing_is_written_any_more_into_a_base_that_is_being_cleared(knowledge, fake, build):
    knowledge.put(a="One.")
    build()
    knowledge.put(b="Two.")
    first = Dies(knowledge, "chunking")
    with pytest.raises(Killed):
        build(first)
    stale = begin.begin(knowledge.project, knowledge.id, first.job_id, 1, RagBuildIn().load({"embedding_model": FAKE}))
    knowledge.core.sql(
        "UPDATE knowledge_bases SET deleted_at = now() - interval '1 hour' WHERE id = :kb", kb=knowledge.id
    )
    with db.transaction() as session:
        session.execute(text("SELECT FROM kb_chunks WHERE knowledge_base_id = :kb FOR UPDATE"), {"kb": knowledge.id})
        with beside(knowledge, clearing.sweep, waits_in="DELETE FROM kb_chunks"):
            with pytest.raises(Unavailable):
                cutting.cut_page(stale)
            session.rollback()
    assert knowledge.core.sql("SELECT FROM kb_chunks WHERE knowledge_base_id = :kb", kb=knowledge.id) == []


def test_a_version_that_was_left_again_is_not_activated_by_the_next_attempt_of_its_build(knowledge, fake, build):
    knowledge.put(a="One.")
    build(activate=True)
    knowledge.put(a="Two.")
    ctx = Attempt(knowledge)
    assert build(ctx, activate=True)["activated"]
    knowledge.locked(versions.roll_back, by=knowledge.writer, body={"version": None})
    made = build(Attempt(knowledge, ctx.job_id, attempt=2), activate=True)
    assert (made["version"], made["activated"], knowledge.base.active_version) == (2, False, 1)


class Drops(Attempt):
    """A search's context, beside whose question to the model the version is dropped."""

    knowledge: Knowledge

    def used(self, usage):
        sql = "UPDATE kb_versions SET state = 'dropped' WHERE knowledge_base_id = :kb"
        self.knowledge.core.sql(sql, kb=self.knowledge.id)


def test_a_version_that_is_dropped_while_the_model_is_asked_is_not_shown_in_part(knowledge, fake, run, build):
    knowledge.put(a="One.")
    build(activate=True)
    ctx = Drops(knowledge)
    ctx.knowledge = knowledge
    with pytest.raises(VersionNotReady):
        run(find(knowledge.project, knowledge.id, SearchWish("one"), ctx))


class Forgets(Attempt):
    """An attempt beside which a vector is forgotten before it is written."""

    knowledge: Knowledge

    async def progress(self, current, total=None, message=None):
        if message == "embedding" and current == total:
            kb, sql = {"kb": self.knowledge.id}, self.knowledge.core.sql
            sql("DELETE FROM kb_vectors WHERE knowledge_base_id = :kb", **kb)
            sql("UPDATE kb_version_entries SET state = 'chunked' WHERE knowledge_base_id = :kb", **kb)


def test_no_version_is_ready_before_all_its_entries_are_indexed_or_failed(knowledge, fake, build):
    knowledge.put(a="One.")
    first = Forgets(knowledge)
    first.knowledge = knowledge
    with pytest.raises(Unavailable):
        build(first)
    assert build(Attempt(knowledge, first.job_id, attempt=2))["embedded_texts"] == 1
    assert visible(knowledge, 1) == ["One."]
