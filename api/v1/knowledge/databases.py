"""Live databases of a knowledge base: stored, listed, tested, queried, deleted. What they have is read by sql.py."""

from typing import Any

from api.endpoint import Call, Later, endpoint
from api.v1.knowledge.place import Place, at, placed
from models import DatabaseConnection
from schemas.database import (
    DatabaseIn,
    DatabaseOut,
    DatabaseQueryIn,
    DatabaseQueryOut,
    DatabasesQuery,
    DatabaseTestOut,
    database_view,
)
from workers.paging import PageOf
from workers.sql import databases, querying

ONE = "/databases/<database_id>"


@at("POST", "/databases")
@endpoint(scope="kb:write", body=DatabaseIn, returns=DatabaseOut, status=201, errors=(404, 409))
@placed
def create_database(call: Call, place: Place) -> dict[str, Any]:
    """Stores a PostgreSQL database to read tables from; its dsn is kept sealed, and never shown again."""
    base = place.base(lock=True)
    return database_view(
        databases.add_connection(call.session, place.project_id, base.id, call.principal.id, call.body)
    )


@at("GET", "/databases")
@endpoint(scope="kb:read", query=DatabasesQuery, returns=DatabaseOut, page=True, errors=(404,))
@placed
def list_databases(call: Call, place: Place) -> PageOf[DatabaseConnection]:
    """Lists the databases of a knowledge base."""
    found = databases.list_connections(call.session, place.project_id, place.base().id, call.window)
    return found.map(database_view)


@at("GET", ONE)
@endpoint(scope="kb:read", returns=DatabaseOut, errors=(404,))
@placed
def get_database(call: Call, place: Place, database_id: str) -> dict[str, Any]:
    """One database, without its dsn, and what its last test said."""
    return database_view(_found(call, place, database_id))


@at("DELETE", ONE)
@endpoint(scope="kb:write", returns=DatabaseOut, errors=(404,))
@placed
def remove_database(call: Call, place: Place, database_id: str) -> dict[str, Any]:
    """Forgets a database and answers with it as it was; the tables that were read from it stay."""
    found = call.id(DatabaseConnection.prefix, database_id)
    return database_view(databases.remove_connection(call.session, place.project_id, place.base().id, found))


@at("POST", f"{ONE}/test")
@endpoint(scope="kb:write", returns=DatabaseTestOut, errors=(404,))
@placed
def test_database(call: Call, place: Place, database_id: str) -> Later:
    """Connects to a database; the answer says what came of it, and what could be safer."""
    found = _found(call, place, database_id)
    dsn = databases.dsn_of(found)
    return Later(lambda: databases.test(place.project_id, found.id, dsn))


@at("POST", f"{ONE}/query")
@endpoint(scope="kb:query_database", body=DatabaseQueryIn, returns=DatabaseQueryOut, errors=(404, 502, 504))
@placed
def query_database(call: Call, place: Place, database_id: str) -> Later:
    """Puts one query that only reads to a database, in a READ ONLY transaction with a time limit."""
    asked = (databases.dsn_of(_found(call, place, database_id)), call.body["sql"], call.body["parameters"])
    limits = {"limit": call.body["limit"], "seconds": call.body["timeout_s"]}
    return Later(lambda: querying.run(*asked, **limits))


def _found(call: Call, place: Place, database_id: str) -> DatabaseConnection:
    found = call.id(DatabaseConnection.prefix, database_id)
    return databases.get_connection(call.session, place.project_id, place.base().id, found)
