"""Running again what was run: all of it, or the cases that ended one way."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from infra.errors import NotFound
from models import Case, Environment, Job, Run
from schemas.test_run import SELECTIONS, RunJobIn
from workers.jobs.submit import Wish
from workers.suites import runs
from workers.suites.running.starting import start

Json = dict[str, Any]

KEPT = frozenset(RunJobIn._declared_fields) - {"rerun_of"}
ALL = "all"


def rerun(session: Session, run: Run, which: str, *, wish: Wish) -> Job:
    """The job of a new run with the wishes of this one, which has ended; `which` is `all`, or the verdict of the cases
    to be run. Cases are taken in their newest version. Raises NotFound where no case ended so."""
    body = {name: value for name, value in run.wishes.items() if name in KEPT}
    body["rerun_of"] = run.public_id
    if which != ALL:
        chosen = [ids.show(Case.prefix, one) for one in _ended(session, run, which)]
        if not chosen:
            raise NotFound(f"No test case of this run is {which}.")
        body = {name: value for name, value in body.items() if name not in SELECTIONS} | {"test_case_ids": chosen}
        if run.environment_id is not None:
            body["environment"] = ids.show(Environment.prefix, run.environment_id)
    return start(session, run.project_id, body, wish)


def _ended(session: Session, run: Run, verdict: str) -> list[UUID]:
    found = session.scalars(runs.results_of(run))
    return [one.case_id for one in sorted(found, key=lambda one: one.position) if one.stands == verdict]
