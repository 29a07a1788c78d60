"""The results of a batch as JSONL, in the order of its lines, however far it is.

A page is read in a short transaction and bounded in rows and in bytes; a result from storage is a piece of its own. So
a batch of any size needs the memory of one page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session, load_only

from infra import ids, json
from infra.errors import NotFound
from models import Batch, BatchStatus, Job, Store
from workers.jobs.batches.queries import get_batch
from workers.jobs.queries import stored_result

Json = dict[str, Any]

LINES_A_PAGE = 200
# As stored: compressed, so several times as much when read.
BYTES_A_PAGE = 1024 * 1024

UNREAD, REJECTED, CANCELLED, DELETED = "unread", "rejected", "cancelled", "deleted"

# The line before which a page ends, so that the results in it stay within bounds; at least one fits.
FULL_AT = text("""
SELECT min(line) FROM (
  SELECT batch_line AS line, sum(coalesce(pg_column_size(result), 0)) OVER before AS bytes FROM jobs
  WHERE batch_id = :batch_id AND batch_line BETWEEN :first AND :last
  WINDOW before AS (ORDER BY batch_line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) sized WHERE bytes > :bytes
""")
REMEMBERED = text("""
SELECT line, custom_id, error FROM batch_lines WHERE batch_id = :batch_id AND line BETWEEN :first AND :last
""")
SHOWN = (Job.id, Job.batch_line, Job.status, Job.result, Job.result_key, Job.error, Job.usage, Job.store, Job.attempt)


@dataclass(frozen=True, slots=True)
class Page:
    """Lines `first` to `last` of a batch as they are; a line has a job or is an answer of its own."""

    last: int
    lines: Sequence[tuple[Json, Job | None]]


def read_page(session: Session, *, project_id: UUID, batch_id: UUID, after_line: int) -> Page | None:
    """The next lines, None after the last; raises NotFound if the project has no such batch."""
    batch = get_batch(session, project_id, batch_id)
    first, last = after_line + 1, min(after_line + LINES_A_PAGE, batch.lines or 0)
    if first > last:
        return None
    among: Json = {"batch_id": batch_id, "first": first, "last": last}
    full_at = session.execute(FULL_AT, {**among, "bytes": BYTES_A_PAGE}).scalar_one()
    last = last if full_at is None else full_at - 1
    own = Job.in_project(project_id).where(Job.batch_id == batch_id, Job.batch_line.between(first, last))
    jobs = {job.batch_line: job for job in session.scalars(own.options(load_only(*SHOWN)))}
    remembered = {row.line: row for row in session.execute(REMEMBERED, {**among, "last": last})}
    return Page(last, [(_line(batch, n, remembered.get(n), jobs.get(n)), jobs.get(n)) for n in range(first, last + 1)])


def _line(batch: Batch, number: int, remembered: Any, job: Job | None) -> Json:
    custom_id = remembered.custom_id if remembered else None
    shown: Json = {"line": number, "custom_id": custom_id, "job_id": None, "status": None}
    empty: Json = {"result": None, "error": None, "usage": None}
    if job is not None:
        job_id = ids.show("job", job.id)
        return {**shown, "job_id": job_id, "status": job.status, **empty, "error": job.error, "usage": job.usage}
    if remembered is not None and remembered.error is not None:
        return {**shown, "status": REJECTED, **empty, "error": remembered.error}
    if number <= batch.lines_read:
        return {**shown, "status": DELETED, **empty}
    return {**shown, "status": CANCELLED if batch.status == BatchStatus.CANCELLED else UNREAD, **empty}


def pieces(page: Page) -> Iterator[bytes]:
    """The page as JSONL; call it without a transaction, since it may read from storage."""
    gathered: list[bytes] = []
    for shown, job in page.lines:
        away = job is not None and (job.result_key is not None or job.store != Store.FULL)
        if away and gathered:
            yield b"".join(gathered)
            gathered = []
        if job is not None:
            shown["result"] = _fetched(job) if away else job.result
        gathered.append(json.dump_bytes(shown) + b"\n")
        if away:
            yield b"".join(gathered)
            gathered = []
    if gathered:
        yield b"".join(gathered)


def _fetched(job: Job) -> Json | None:
    """From storage, or from where a private job's is for a while; null once it is gone."""
    try:
        found = stored_result(job)
    except NotFound:
        return None
    return job.result if found is None else found
