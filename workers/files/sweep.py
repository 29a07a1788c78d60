"""Clearing away files that have expired or were deleted, and what uploads left that broke in the middle.

An object goes before its row: whoever is interrupted leaves a row, which the next sweep finds again.
"""

import time

import structlog
from sqlalchemy import text

from infra import db, storage
from infra.errors import Unavailable

SECONDS = 2.0
AT_ONCE = 100

log = structlog.get_logger(__name__)

# Not one that another sweep has; `removable_at` makes an expired one nobody's, whatever comes between.
TAKE = text("""
UPDATE files SET removable_at = now() - interval '1 second' WHERE id IN (
  SELECT id FROM files WHERE (removable_at <= now() OR expires_at <= now()) AND NOT id = ANY(CAST(:failed AS uuid[]))
  LIMIT :at_most FOR UPDATE SKIP LOCKED
) RETURNING id, key
""")
FORGET = text("DELETE FROM files WHERE id = ANY(CAST(:ids AS uuid[])) AND removable_at <= now()")


def sweep(seconds: float = SECONDS) -> int:
    """Clears for about so long, in short transactions of its own; returns how many files went."""
    give_up_at, cleared = time.monotonic() + seconds, 0
    failed: list[str] = []
    while time.monotonic() < give_up_at:
        with db.transaction() as session:
            rows = session.execute(TAKE, {"failed": failed, "at_most": AT_ONCE}).all()
        if not rows:
            break
        gone = [str(row.id) for row in rows if _deleted(row.key)]
        failed += [str(row.id) for row in rows if str(row.id) not in gone]
        with db.transaction() as session:
            session.execute(FORGET, {"ids": gone})
        cleared += len(gone)
        if failed and not gone:
            break
    if cleared:
        log.info("files.cleared", count=cleared)
    return cleared


def _deleted(key: str) -> bool:
    try:
        storage.store().delete(key)
    except Unavailable as error:
        log.warning("files.not_deleted", error=error.detail)
        return False
    return True
