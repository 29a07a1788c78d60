"""Deleting runs: one that a client wants gone, and those that are older than runs are kept. Failures that were seen in
them stay remembered, and so do the cases.

Executions go in groups, each in a short transaction, and the run goes last: whoever is interrupted leaves a run that
the next sweep finds again. Report files expire by themselves as runs do (workers/files/sweep.py); here they go earlier.
"""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, ids
from infra.clock import now
from infra.settings import settings
from models import Run
from workers.suites.reports.writing import RUN_LABEL

SECONDS = 2.0
RUNS = 20
EXECUTIONS = 500

log = structlog.get_logger(__name__)

# A job of long ago may still wait for its time.
OLD = text("""
SELECT id, project_id FROM test_runs r WHERE id < :before AND NOT EXISTS (
  SELECT FROM jobs j WHERE j.id = r.id AND j.status IN ('queued', 'scheduled', 'running')
) ORDER BY id LIMIT :at_most
""")
DELETE_EXECUTIONS = text("""
DELETE FROM test_case_runs WHERE id IN (SELECT id FROM test_case_runs WHERE run_id = :run_id LIMIT :at_most)
""")
DELETE_RESULTS = text("DELETE FROM test_case_results WHERE run_id = :run_id")
DELETE_RUN = text("DELETE FROM test_runs WHERE id = :run_id")
# Files of a run are younger than it, and ids sort by time.
REMOVE_FILES = text("""
UPDATE files SET removable_at = now() WHERE project_id = :project_id AND id >= :run_id AND removable_at IS NULL
  AND metadata ->> :label = :shown
""")
REMOVE_REPORTS = text("""
UPDATE files SET removable_at = now() WHERE project_id = :project_id AND removable_at IS NULL AND id IN (
  SELECT CAST(split_part(value, '_', 2) AS uuid) FROM test_runs, jsonb_each_text(reports) WHERE test_runs.id = :run_id
)
""")


def forget(run: Run) -> None:
    """Deletes a run that has ended, with its results, executions and files; in many short transactions."""
    while _deleted_executions(run.id):
        pass
    with db.transaction() as session:
        shown = {"project_id": run.project_id, "run_id": run.id, "label": RUN_LABEL, "shown": run.public_id}
        session.execute(REMOVE_FILES, shown)
        _delete(session, run.project_id, run.id)


def sweep(seconds: float = SECONDS) -> int:
    """Deletes runs older than `TEST_RUN_RETENTION_DAYS` for about so long; returns how many went."""
    days, give_up_at, deleted = settings().test_run_retention_days, time.monotonic() + seconds, 0
    while days and time.monotonic() < give_up_at:
        found = _old(days)
        for run_id, project_id in found:
            deleted += _forgotten(run_id, project_id, give_up_at)
        if len(found) < RUNS:
            break
    if deleted:
        log.info("test_runs.deleted", count=deleted)
    return deleted


def _old(days: int) -> list[tuple[UUID, UUID]]:
    before = ids.lowest_id_at(now() - timedelta(days=days))
    with db.transaction() as session:
        return [(row.id, row.project_id) for row in session.execute(OLD, {"before": before, "at_most": RUNS})]


def _forgotten(run_id: UUID, project_id: UUID, give_up_at: float) -> bool:
    """False: there was no time for all of it."""
    while time.monotonic() < give_up_at:
        if not _deleted_executions(run_id):
            with db.transaction() as session:
                _delete(session, project_id, run_id)
            return True
    return False


def _deleted_executions(run_id: UUID) -> int:
    with db.transaction() as session:
        done: Any = session.execute(DELETE_EXECUTIONS, {"run_id": run_id, "at_most": EXECUTIONS})
        return int(done.rowcount)


def _delete(session: Session, project_id: UUID, run_id: UUID) -> None:
    session.execute(REMOVE_REPORTS, {"project_id": project_id, "run_id": run_id})
    for statement in (DELETE_RESULTS, DELETE_RUN):
        session.execute(statement, {"run_id": run_id})
