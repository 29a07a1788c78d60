"""How fast each stage of an analysis is alone: `python -m tests.bench.analysis_stages PROJECT_ID COUNT` prints JSON."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import text

from infra import db
from workers.features import discovering, keeping, loading, vectors
from workers.traces.store import store

PORTION = 500


def main(project_id: UUID, count: int) -> None:
    """On traces that were analysed before; nothing is written."""
    with db.transaction() as session:
        chosen = "SELECT id FROM traces WHERE project_id = :project_id ORDER BY started_at LIMIT :count"
        ids = list(session.scalars(text(chosen), {"project_id": project_id, "count": count}))
    portions = [ids[at : at + PORTION] for at in range(0, len(ids), PORTION)]
    learnt = keeping.read_learnt(project_id)
    assigner = keeping.read_assigner(project_id, learnt)
    rates: dict[str, float] = {}

    def timed(what: str, act: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        made = act()
        rates[what] = len(ids) / (time.perf_counter() - began)
        return made

    timed("reading observations", lambda: [_read(project_id, some) for some in portions])
    loaded = timed(
        "reading and summing up",
        lambda: [one for some in portions for one in loading.load(project_id, some, learnt).summaries],
    )
    wanted = [one for one in loaded if assigner.wants_vector(one)]
    made = timed("embedding", lambda: vectors.embed_now([vectors.what(one) for one in wanted]))
    vectors.give(wanted, made)
    timed("assigning", lambda: assigner.assign_all(loaded))
    buffer, fresh = keeping.read_buffer(project_id, learnt)
    timed("discovering", lambda: discovering.discover(buffer, fresh))
    print(json.dumps(rates))


def _read(project_id: UUID, some: list[UUID]) -> int:
    with db.transaction() as session:
        return len(store().of_traces(session, project_id, some))


if __name__ == "__main__":
    main(UUID(sys.argv[1]), int(sys.argv[2]))
