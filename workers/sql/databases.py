"""Databases of a knowledge base: stored with a sealed DSN, looked at, tested, forgotten."""

from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from infra import crypto, db, ids
from infra.clock import now
from infra.errors import Conflict, NotFound, RateLimited, SwitchyardError
from models import DatabaseConnection
from workers.paging import PageOf, Window, page
from workers.sql.connecting import Database, connected, place
from workers.sql.dsn import parse

Json = dict[str, Any]

AT_MOST = 100
TEST_SECONDS, TEST_BYTES = 10.0, 1024 * 1024

ROLE = """
SELECT pg_catalog.current_setting('server_version'), current_user::text, (
  SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    AND pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
)
"""


def add_connection(session: Session, project_id: UUID, kb_id: UUID, created_by: UUID, body: Json) -> DatabaseConnection:
    """Stores a database of the knowledge base, which the caller has locked. Raises BadInput or TargetRefused at `/dsn`,
    EncryptionNotConfigured, and Conflict for a name that is taken or too many."""
    address = parse(body["dsn"]).address
    mine = _of(project_id, kb_id)
    if session.scalar(select(mine.where(DatabaseConnection.name == body["name"]).exists())):
        raise Conflict(f"This knowledge base has a database {body['name']!r} already; choose another name.")
    if (session.scalar(select(func.count()).select_from(mine.subquery())) or 0) >= AT_MOST:
        raise Conflict(f"This knowledge base has {AT_MOST} databases, which is the most; delete one.")
    made = DatabaseConnection(
        id=ids.new_id(),
        project_id=project_id,
        knowledge_base_id=kb_id,
        created_by=created_by,
        name=body["name"],
        address=address,
        schemas=body.get("schemas"),
    )
    made.dsn = crypto.seal(body["dsn"], owner=made.public_id)
    session.add(made)
    session.flush()
    return made


def get_connection(session: Session, project_id: UUID, kb_id: UUID, database_id: UUID) -> DatabaseConnection:
    """The knowledge base's database of that id; raises NotFound."""
    query = _of(project_id, kb_id).where(DatabaseConnection.id == database_id)
    found = session.scalars(query).first()
    if found is None:
        raise NotFound("There is no such database.")
    return found


def list_connections(session: Session, project_id: UUID, kb_id: UUID, window: Window) -> PageOf[DatabaseConnection]:
    """The knowledge base's databases, by the time they were stored."""
    return page(session, _of(project_id, kb_id), DatabaseConnection, window)


def remove_connection(session: Session, project_id: UUID, kb_id: UUID, database_id: UUID) -> DatabaseConnection:
    """The database, as it was; what was read from it stays in the draft."""
    found = get_connection(session, project_id, kb_id, database_id)
    session.delete(found)
    session.flush()
    return found


def dsn_of(connection: DatabaseConnection) -> str:
    """The sealed DSN, opened; raises SecretUnreadable or EncryptionNotConfigured."""
    return crypto.open_sealed(connection.dsn, owner=connection.public_id).decode()


def test(project_id: UUID, database_id: UUID, dsn: str) -> Json:
    """Connects, and says and remembers what came of it; it blocks, with no transaction open."""
    begun = monotonic()
    try:
        with place(), connected(dsn, seconds=TEST_SECONDS, at_most=TEST_BYTES) as database:
            said = _seen(database)
    except RateLimited:
        raise
    except SwitchyardError as error:
        said = {"ok": False, "error": {"code": error.code, "message": error.detail}}
    checked = {
        **dict.fromkeys(("server_version", "user", "error")),
        "notes": [],
        **said,
        "took_ms": round((monotonic() - begun) * 1000, 1),
    }
    moment = now()
    with db.transaction() as session:
        mine = DatabaseConnection.in_project(project_id).where(DatabaseConnection.id == database_id)
        found = session.scalars(mine.with_for_update()).first()
        if found is not None:
            found.checked, found.checked_at = checked, moment
    return {**checked, "checked_at": moment}


def _seen(database: Database) -> Json:
    database.cursor.execute(ROLE)
    version, user, writable = database.cursor.fetchone() or ("", "", 0)
    notes = []
    if database.is_superuser:
        notes.append("The role is a superuser, so queries are refused; use one that may only read.")
    elif writable:
        notes.append(f"The role has write privileges on {writable} tables. They are never used; one without is safer.")
    if database.dsn.sslmode in ("disable", "prefer"):
        notes.append("The connection may be unencrypted; add sslmode=require or verify-full to the dsn.")
    return {"ok": True, "server_version": version.partition(" ")[0], "user": user, "notes": notes}


def _of(project_id: UUID, kb_id: UUID) -> Select[DatabaseConnection]:
    return DatabaseConnection.in_project(project_id).where(DatabaseConnection.knowledge_base_id == kb_id)
