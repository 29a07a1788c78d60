"""First answers without ENCRYPTION_KEYS."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg2
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from infra.dev.system import System
from infra.errors import NotStored
from infra.settings import settings
from models import IdempotencyKey
from workers.idempotency import Asked, Kept, first_answer, keep_answer

ANSWER = Kept(201, "/v1/api_keys/key_1", b'{"key": "sy_live_secret"}')


@pytest.fixture
def session(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A transaction that is rolled back, where nothing can be sealed."""
    monkeypatch.setenv("ENCRYPTION_KEYS", "")
    settings.cache_clear()
    engine = create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(system.database_url))
    with Session(engine) as made:
        yield made
    engine.dispose()
    settings.cache_clear()


def test_nothing_is_kept_of_an_answer_with_a_secret_but_that_it_was_given(session: Session) -> None:
    asked = Asked(uuid4(), uuid4(), "once", b"fingerprint")
    assert first_answer(session, asked) is None
    keep_answer(session, asked, ANSWER, has_secret=True)
    row = session.scalars(IdempotencyKey.in_project(asked.project_id)).one()
    assert (row.status, row.location, row.body) == (201, ANSWER.location, b"")
    with pytest.raises(NotStored, match=r"ENCRYPTION_KEYS is not set. Remove /v1/api_keys/key_1, and use a new"):
        first_answer(session, asked)


def test_an_answer_without_a_secret_needs_no_key(session: Session) -> None:
    asked = Asked(uuid4(), uuid4(), "once", b"fingerprint")
    keep_answer(session, asked, ANSWER, has_secret=False)
    assert first_answer(session, asked) == ANSWER
