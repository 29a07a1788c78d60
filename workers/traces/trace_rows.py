"""The rows of traces, as the roll-up reads and writes them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json
from workers.traces import previews
from workers.traces.adding_up import Sum
from workers.traces.contributions import Contribution, written
from workers.traces.previews import Preview
from workers.traces.store.touching import array

Json = dict[str, Any]

DUE = text("""
SELECT project_id, CAST(id AS text) AS id, observations FROM traces
WHERE rolled_up < revision
  AND (received_at <= now() - make_interval(secs => :quiet)
    OR coalesce(rolled_up_at, first_received_at) < now() - interval '10 seconds')
  AND (rolled_up_at IS NULL OR :quiet = 0 OR rolled_up_at < now() - observations * interval '1 millisecond')
  AND (rolled_up_at IS NULL OR rolled_up_at <= now())
ORDER BY received_at LIMIT :at_most
""")
THESE = text("""
SELECT CAST(id AS text) AS id, revision, feature_id, contribution, name, session_id, status, observations,
  input_tokens, output_tokens, cost, unpriced
FROM traces WHERE project_id = :project_id AND id = ANY(CAST(:ids AS uuid[])) AND rolled_up < revision
""")
HOLD = text("""
SELECT CAST(id AS text) FROM traces WHERE project_id = :project_id AND id = ANY(CAST(:ids AS uuid[]))
FOR NO KEY UPDATE SKIP LOCKED
""")
# Who has given it another feature meanwhile finds it due again. Rows leave out what is null, 0 or empty: they are then
# read in half the time.
WRITE = text(f"""
UPDATE traces t SET rolled_up = CASE WHEN t.feature_id IS NOT DISTINCT FROM r.feature_id THEN r.revision ELSE -1 END,
  rolled_up_at = now(), started_at = r.started_at, duration_ms = r.duration_ms, name = r.name, status = r.status,
  service = r.service, session_id = r.session_id, user_id = r.user_id, release = r.release,
  environment = r.environment, models = coalesce(r.models, '{{}}'), observations = r.observations,
  generations = coalesce(r.generations, 0), errors = coalesce(r.errors, 0),
  input_tokens = coalesce(r.input_tokens, 0), output_tokens = coalesce(r.output_tokens, 0), cost = r.cost,
  unpriced = coalesce(r.unpriced, 0), repeats = r.repeats, contribution = r.contribution,
  tags = CASE WHEN r.read THEN coalesce(r.tags, '{{}}') ELSE t.tags END,
  input = CASE WHEN r.read THEN r.input ELSE t.input END,
  output = CASE WHEN r.read THEN r.output ELSE t.output END,
  words = CASE WHEN r.read THEN to_tsvector('{previews.CONFIGURATION}', concat_ws(' ', r.name, r.input, r.output))
    ELSE t.words END
FROM json_to_recordset(:rows) AS r(id uuid, revision int, feature_id uuid, started_at timestamptz,
  duration_ms float8, name text, status text, service text, session_id text, user_id text, release text,
  environment text, models text[], observations int, generations int, errors int, input_tokens bigint,
  output_tokens bigint, cost numeric, unpriced int, repeats bigint[], contribution text, read boolean, tags text[],
  input text, output text)
WHERE t.project_id = :project_id AND t.id = r.id
""")
# Each time for as long as it has been waiting already, at least ten minutes.
POSTPONE = text("""
UPDATE traces SET rolled_up_at = now() + greatest(interval '10 minutes', now() - received_at)
WHERE project_id = :project_id AND id = ANY(CAST(:ids AS uuid[]))
""")
SET_ASIDE = text("""
UPDATE traces SET rolled_up = revision, rolled_up_at = now()
WHERE project_id = :project_id AND id = ANY(CAST(:ids AS uuid[]))
""")


@dataclass(slots=True)
class Rolled:
    """A trace on its way: its row as it was, what it adds up to, what it had added to the metrics and what it adds now.
    `preview` is None where what it says has not changed."""

    row: Any
    found: Sum
    before: Contribution
    now: Contribution
    preview: Preview | None = None

    @property
    def name(self) -> str:
        """The name it is given outright, else its root's."""
        if self.preview is None:
            name: str = self.row.name
            return name
        return self.preview.name or self.found.root.name


def these(session: Session, project_id: UUID, trace_ids: Iterable[str]) -> Sequence[Any]:
    """Those of the traces that are still due, as they are; ids as text, here and below."""
    return session.execute(THESE, {"project_id": project_id, "ids": array(trace_ids)}).all()


def hold(session: Session, project_id: UUID, trace_ids: Iterable[str]) -> set[str]:
    """Locks these traces' rows, and says which: those that others hold are left."""
    return set(session.scalars(HOLD, {"project_id": project_id, "ids": array(trace_ids)}))


def postpone(session: Session, project_id: UUID, trace_ids: Iterable[str]) -> None:
    """Has them try again later."""
    session.execute(POSTPONE, {"project_id": project_id, "ids": array(trace_ids)})


def set_aside(session: Session, project_id: UUID, trace_ids: Iterable[str]) -> None:
    """Leaves them as they are until something more of them comes."""
    session.execute(SET_ASIDE, {"project_id": project_id, "ids": array(trace_ids)})


def write(session: Session, project_id: UUID, traces: Sequence[Rolled]) -> None:
    """Writes what they add up to into their rows."""
    rows = json.dump_for_postgres([_columns(one) for one in traces])
    session.execute(WRITE, {"project_id": project_id, "rows": rows})


def listed(trace_ids: Iterable[UUID]) -> str:
    """Ids as an array in PostgreSQL's own text, which is much faster than a list of parameters."""
    return array(one.hex for one in trace_ids)


_OFTEN_NOTHING = ("service", "session_id", "user_id", "release", "environment", "models", "generations", "errors",
                  "input_tokens", "output_tokens", "unpriced", "repeats")  # fmt: skip


def _columns(one: Rolled) -> Json:
    found, said = one.found, one.preview
    row: Json = {
        "id": one.row.id,
        "revision": one.row.revision,
        "name": one.name,
        "status": found.status,
        "started_at": found.started_at,
        "duration_ms": found.duration_us / 1000,
        "observations": len(found.ordered),
        "contribution": written(one.now),
    }
    for name in _OFTEN_NOTHING:
        value = getattr(found, name)
        if value:
            row[name] = value
    if found.cost is not None:
        row["cost"] = str(found.cost)
    if one.row.feature_id is not None:
        row["feature_id"] = one.row.feature_id
    if said is not None:
        row["read"] = True
        if said is not previews.NOTHING:
            row |= {"input": said.input, "output": said.output, "tags": said.tags}
    return row
