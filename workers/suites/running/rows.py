"""The row of a run that has not begun."""

import random
from typing import Any
from uuid import UUID

from infra.clock import now
from models import Run, Store
from schemas.test_run import MOST_SEED
from workers.suites.running.plan import DEFAULTS
from workers.suites.running.planning import Selected

Json = dict[str, Any]


def row_of(
    run_id: UUID, project_id: UUID, created_by: UUID | None, store: str, payload: Json, selected: Selected
) -> Run:
    """The row; of a private job's input it keeps no values."""
    chosen = {name: selected.wishes[name] for name in DEFAULTS}
    given = {name: value for name, value in payload.items() if store == Store.FULL or name != "variables"}
    environment, suite = selected.environment, selected.suite
    seed = selected.wishes.get("seed")
    return Run(
        id=run_id,
        created_at=now(),
        project_id=project_id,
        created_by=created_by,
        suite_id=None if suite is None else suite.id,
        environment_id=None if environment is None else environment.id,
        wishes={**given, **chosen},
        selection=selected.selection,
        plan=[],
        seed=random.randint(0, MOST_SEED) if seed is None else seed,
        total=selected.wishes["times"] * sum(one.rows for one in selected.cases),
        rerun_of=selected.wishes.get("rerun_of"),
    )
