"""The address of a PostgreSQL database, as people have it: postgresql://user:password@host:5432/database?sslmode=require.

libpq takes much more: socket folders, lists of hosts, service files, options for the server. None of that is ours to
take from a user, so only the parameters here are.
"""

from dataclasses import dataclass, field
from typing import Any, NoReturn

import psycopg2
from psycopg2.extensions import parse_dsn

from infra.errors import BadInput, TargetRefused
from infra.settings import settings
from infra.targets import Targets

LONGEST = 2048
PORT = "5432"
SSL_MODES = ("disable", "prefer", "require", "verify-full")
# They change nothing here, and hosts put them into the addresses they give out.
IGNORED = ("connect_timeout", "application_name", "channel_binding", "gssencmode", "target_session_attrs", "keepalives")
FORM = "postgresql://user:password@host:5432/database"


@dataclass(frozen=True, slots=True)
class Dsn:
    """Where a database is, and who asks."""

    host: str
    port: int
    database: str
    user: str
    sslmode: str
    password: str | None = field(repr=False)

    @property
    def address(self) -> dict[str, Any]:
        """What may be shown of it."""
        return {name: getattr(self, name) for name in ("host", "port", "database", "user", "sslmode")}


def targets() -> Targets:
    """The installation's rule for databases."""
    return Targets(settings().allow_private_targets, settings().allowed_database_ports)


def parse(text: str) -> Dsn:
    """The address that the text says; raises BadInput or TargetRefused at `/dsn`, with nothing of the text in it."""
    if not text.startswith(("postgresql://", "postgres://")):
        refuse(f"Must begin with postgresql://; only PostgreSQL is read live. The whole is {FORM}.")
    try:
        parts: dict[str, str] = parse_dsn(text)
    except (psycopg2.Error, UnicodeError):
        refuse(f"Is not well-formed: it must be {FORM}, with special characters percent-encoded.")
    unknown = set(parts) - {"host", "port", "user", "password", "dbname", "sslmode", *IGNORED}
    if unknown:
        refuse(f"May not have the parameter {min(unknown)}; allowed are sslmode and {', '.join(IGNORED)}.")
    host, port, user = parts.get("host", ""), parts.get("port", PORT), parts.get("user", "")
    if not host or "," in host or host.startswith(("/", "@")):
        refuse("Must name one host; sockets and lists of hosts are not allowed.")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        refuse("Must name one port, from 1 to 65535.")
    if not user:
        refuse("Must name a user.")
    mode = parts.get("sslmode", "prefer")
    if mode not in SSL_MODES:
        refuse(f"Has an sslmode that is not one of {', '.join(SSL_MODES)}; verify-full also does what verify-ca would.")
    _check(host, int(port))
    return Dsn(host.lower(), int(port), parts.get("dbname") or user, user, mode, parts.get("password"))


def refuse(detail: str) -> NoReturn:
    """Raises the refusal of a DSN."""
    raise BadInput("The dsn cannot be used.", errors=[{"pointer": "/dsn", "detail": detail}])


def _check(host: str, port: int) -> None:
    """What can be said of the target without DNS, by the rules of every other one."""
    try:
        targets().url(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    except TargetRefused as refused:
        detail = refused.detail.replace("of the URL ", "")
        raise TargetRefused(detail, errors=[{"pointer": "/dsn", "detail": detail}]) from None
