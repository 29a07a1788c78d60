"""Read-only connections to databases of users: to an address that was checked, bounded in time and size.

Everything happens in one READ ONLY transaction, so that nothing depends on a pooler in between keeping the session. It
blocks; call it in a thread, with no transaction of ours open.
"""

import asyncio
import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import cursor

from infra import db
from infra.errors import (
    AnswerTooLarge,
    QueryFailed,
    RateLimited,
    SwitchyardError,
    TargetError,
    TargetTimeout,
    TargetUnreachable,
)
from infra.resolver import CheckedResolver, SystemResolver
from workers.sql.dsn import Dsn, parse, targets
from workers.sql.relay import Relay

LONGEST_MESSAGE = 500
# Each holds a thread that answers requests, and the others must stay free.
AT_ONCE = 3
SETUP = """
SET LOCAL statement_timeout = {milliseconds}; SET LOCAL lock_timeout = 2000;
SET LOCAL idle_in_transaction_session_timeout = {milliseconds}; SET LOCAL standard_conforming_strings = on;
SET LOCAL client_min_messages = error; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'iso_8601';
SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1
"""
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


_places = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Database:
    """An open connection within its transaction."""

    connection: Any
    cursor: "cursor"
    dsn: Dsn
    relay: Relay

    @property
    def is_superuser(self) -> bool:
        """Whether nothing is forbidden to the role; the server says so when it lets somebody in."""
        return bool(self.connection.get_parameter_status("is_superuser") == "on")


@contextmanager
def place() -> Iterator[None]:
    """One of this process's places for requests that wait for a database; raises RateLimited if none gets free."""
    if not _places.acquire(timeout=2.0):
        raise RateLimited(f"{AT_ONCE} requests wait for databases already; try again in a moment.", retry_after=1.0)
    try:
        yield
    finally:
        _places.release()


@contextmanager
def connected(text: str, *, seconds: float, at_most: int) -> Iterator[Database]:
    """The database of that DSN, for `seconds` in all and `at_most` bytes of answers.

    Raises TargetRefused, TargetUnreachable, TargetTimeout, TargetError (it refuses the user), AnswerTooLarge; and of
    what is asked within the block QueryFailed, with the database's own message.
    """
    db.refuse_open_transaction()
    dsn = parse(text)
    address = asyncio.run(_resolved(dsn))
    with Relay(address, dsn.port, seconds=seconds, at_most=at_most) as relay:
        try:
            connection = psycopg2.connect(**_parameters(dsn, relay.port, seconds))
        except psycopg2.Error as error:
            raise _not_connected(error, dsn, relay) from None
        with closing(connection):
            try:
                connection.set_session(readonly=True)
                connection.set_client_encoding("UTF8")
                with connection.cursor() as cursor:
                    cursor.execute(SETUP.format(milliseconds=int(seconds * 1000)))
                    yield Database(connection, cursor, dsn, relay)
            except (psycopg2.Error, UnicodeError) as error:
                raise _failed(error, dsn, relay, seconds) from None


async def _resolved(dsn: Dsn) -> str:
    """The one address that is connected to."""
    try:
        ip_address(dsn.host)
    except ValueError:
        resolver = CheckedResolver(SystemResolver(), targets())
        try:
            return (await resolver.resolve(dsn.host, dsn.port))[0]["host"]
        except OSError as error:
            raise TargetUnreachable(f"{dsn.host} cannot be found: {error}.") from None
        finally:
            await resolver.close()
    targets().check(dsn.host, dsn.host, dsn.port)
    return dsn.host


def _parameters(dsn: Dsn, port: int, seconds: float) -> dict[str, Any]:
    """What libpq is told. Files of this machine's user (certificates, passwords) and Kerberos are none of it."""
    secure = dsn.sslmode == "verify-full"
    return {
        "host": dsn.host,
        "hostaddr": "127.0.0.1",
        "port": port,
        "dbname": dsn.database,
        "user": dsn.user,
        "password": dsn.password or "",
        "passfile": os.devnull,
        "sslmode": dsn.sslmode,
        "sslrootcert": _certificates() if secure else os.devnull,
        "sslcertmode": "disable",
        "gssencmode": "disable",
        "require_auth": "scram-sha-256,md5,password,none",
        "target_session_attrs": "any",
        "options": "",
        "connect_timeout": max(2, min(5, int(seconds))),
        "application_name": "switchyard",
    }


def _certificates() -> str:
    """The authorities that this machine trusts; libpq's own OpenSSL looks for them elsewhere."""
    known = [ssl.get_default_verify_paths().cafile, *_BUNDLES]
    for path in known:
        if path and Path(path).is_file():
            return path
    raise TargetError("This machine has no list of certificate authorities, so verify-full cannot be done.")


def _not_connected(error: psycopg2.Error, dsn: Dsn, relay: Relay) -> SwitchyardError:
    if relay.late or "timeout expired" in str(error):
        return TargetTimeout(f"{dsn.host} did not answer in time.")
    said = cleaned(str(error).partition("failed: ")[2] or str(error))
    if "server closed the connection" in said or "could not receive" in said or "reset by peer" in said:
        return TargetUnreachable(f"{dsn.host} closed the connection; it may be no PostgreSQL.")
    return TargetError(f"{dsn.host} refused the connection: {said}")


def _failed(error: psycopg2.Error | UnicodeError, dsn: Dsn, relay: Relay, seconds: float) -> SwitchyardError:
    if relay.cut:
        return AnswerTooLarge(f"The answer of {dsn.host} is larger than is read.")
    if relay.late or getattr(error, "pgcode", None) == "57014":
        return TargetTimeout(f"{dsn.host} did not answer within {seconds:g} s.")
    if isinstance(error, UnicodeError):
        return QueryFailed("The answer has text in it that is not UTF-8.")
    if error.pgcode is None or error.pgcode.startswith(("08", "57P")):
        return TargetUnreachable(f"{dsn.host} closed the connection.")
    return QueryFailed(f"The database says: {cleaned(error.diag.message_primary or 'no reason')} ({error.pgcode})")


def cleaned(message: str) -> str:
    """The first line of what a database says, bounded and printable."""
    line = message.strip().partition("\n")[0].removeprefix("FATAL:").strip()
    return "".join(one if one.isprintable() else " " for one in line)[:LONGEST_MESSAGE]
