"""Writing reports of a run into files, and finding those that are written.

A report is written once. It is written again where it was made in another form than today's, or before a person changed
a verdict; the old file stays as long as it would have.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from sqlalchemy.orm import Session

from infra import db, ids, scratch
from infra.clock import now
from infra.errors import NotFound
from infra.settings import settings
from models import FilePurpose, Run, StoredFile
from workers.files import write_file
from workers.suites.reports import gathering, har, html, json_report, junit
from workers.suites.reports.gathering import Head

RUN_LABEL = "run_id"
FORM_LABEL = "form"


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of report; `form` changes where what is written changes."""

    write: Callable[[Head, BinaryIO], None]
    suffix: str
    media_type: str
    form: Callable[[], str]


FORMATS = {
    "json": Format(json_report.write, "json", "application/json", lambda: str(json_report.VERSION)),
    "junit": Format(junit.write, "junit.xml", "application/xml", lambda: "1"),
    "html": Format(html.write, "html", "text/html", lambda: sha256(html.policy().encode()).hexdigest()[:16]),
    "har": Format(har.write, "har", "application/json", lambda: "1"),
}


async def write_reports(project_id: UUID, run_id: UUID, formats: Sequence[str]) -> dict[str, UUID]:
    """Writes reports of these formats; returns the files by format. Raises NotFound and Unavailable; call it with no
    transaction open. However many executions there are, few are held at a time."""
    head = await asyncio.to_thread(gathering.head, project_id, run_id)
    files: dict[str, UUID] = {}
    with scratch.folder() as folder:
        for name in dict.fromkeys(formats):
            path = folder / name
            await asyncio.to_thread(_write, FORMATS[name], head, path)
            files[name] = await _stored(head.run, name, path)
    await asyncio.to_thread(_note, project_id, run_id, files)
    return files


def written(session: Session, run: Run, name: str) -> StoredFile | None:
    """The file of a report that was written and is as it would be written today."""
    file_id = ids.parse(StoredFile.prefix, str(run.reports.get(name)))
    if file_id is None:
        return None
    found = session.scalars(StoredFile.present(run.project_id).where(StoredFile.id == file_id)).first()
    return found if found is not None and found.labels.get(FORM_LABEL) == FORMATS[name].form() else None


def _write(format: Format, head: Head, path: Path) -> None:
    try:
        with path.open("xb") as out:
            format.write(head, out)
    except OSError as error:
        raise scratch.cannot_write(error) from error


async def _stored(run: Run, name: str, path: Path) -> UUID:
    format, days = FORMATS[name], settings().test_run_retention_days
    return await write_file(
        run.project_id,
        f"{run.public_id}.{format.suffix}",
        format.media_type,
        path,
        FilePurpose.REPORT,
        run.created_by,
        metadata={RUN_LABEL: run.public_id, "format": name, FORM_LABEL: format.form()},
        expires_at=now() + timedelta(days=days) if days else None,
    )


def _note(project_id: UUID, run_id: UUID, files: dict[str, UUID]) -> None:
    with db.transaction() as session:
        run = session.scalars(Run.in_project(project_id).where(Run.id == run_id).with_for_update()).first()
        if run is None:
            raise NotFound("The test run was deleted while its reports were written.")
        run.reports = {**run.reports, **{name: ids.show(StoredFile.prefix, one) for name, one in files.items()}}
