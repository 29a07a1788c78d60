"""What a build knows of itself, and the fence that keeps two attempts of it apart."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.errors import Unavailable

Json = dict[str, Any]

FENCE = text("""
SELECT 1 FROM kb_versions WHERE id = :version_id AND state = 'building' AND attempt = :attempt FOR NO KEY UPDATE
""")


@dataclass(frozen=True, slots=True)
class Build:
    """A version that is being built, by this attempt of its job. `base` is the newest version that was ready when it
    began, `config` the hash of all but the text that decides a chunk; `earliest` is below the ids of all its chunks.
    `done` says that an earlier attempt has finished it."""

    project_id: UUID
    base_id: UUID
    version_id: UUID
    number: int
    attempt: int
    base: int | None
    job_id: UUID | None
    created_by: UUID | None
    chunking: Json
    model: str | None
    config: str
    earliest: UUID
    done: bool


def fence(session: Session, build: Build) -> None:
    """Holds the version for this transaction; raises Unavailable if another attempt has it, or it is over."""
    asked = {"version_id": build.version_id, "attempt": build.attempt}
    if session.execute(FENCE, asked).first() is None:
        raise Unavailable("Another attempt has taken over this build, or it has ended.")
