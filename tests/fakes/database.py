"""A shop's PostgreSQL database of its own in the suite's server, reached over TCP, and doors that behave otherwise."""

import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2

from infra.dev.postgres import SUPERUSER
from infra.dev.system import System

PASSWORD = "secret+of/the?shop"
SHOP = r"""
CREATE SCHEMA sales;
CREATE TYPE sales.state AS ENUM ('new', 'paid', 'it''s gone');
CREATE TABLE public.customers (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email character varying(255) NOT NULL UNIQUE,
    "Full Name" text DEFAULT 'nobody; really',
    tags text[],
    joined timestamp with time zone DEFAULT now() NOT NULL,
    credit numeric(12,2) CHECK (credit >= 0)
);
COMMENT ON TABLE public.customers IS 'People who buy';
COMMENT ON COLUMN public.customers.email IS 'Where we write to';
CREATE TABLE sales.orders (
    id bigserial PRIMARY KEY,
    customer_id integer REFERENCES public.customers(id) ON DELETE SET NULL,
    state sales.state DEFAULT 'new'::sales.state NOT NULL,
    net numeric(12,2) NOT NULL,
    gross numeric(12,2) GENERATED ALWAYS AS (net * 1.2) STORED,
    note jsonb
);
CREATE INDEX orders_open ON sales.orders USING btree (customer_id, id DESC) WHERE state = 'new';
CREATE VIEW sales.turnover AS SELECT customer_id, sum(net) AS net FROM sales.orders GROUP BY customer_id;
INSERT INTO public.customers (email, tags, credit, joined)
  SELECT 'c' || i || '@example.com', ARRAY['a', NULL], i, timestamptz '2024-02-29 12:00:00+00'
  FROM generate_series(1, 1500) AS i;
INSERT INTO sales.orders (customer_id, net, note) VALUES (1, 10, '{"big": 123456789012345678901234567890, "a": [1]}');
ANALYZE;
"""


@dataclass(frozen=True)
class Shop:
    """The database: `port` on 127.0.0.1, a role that may only read, one that may write, and the superuser."""

    name: str
    port: int
    sockets: Path

    def dsn(self, user: str = "reader", *, port: int = 0, more: str = "") -> str:
        """Its address, for one of its users."""
        name = user if user == SUPERUSER else f"{self.name}_{user}"
        return f"postgresql://{name}:{quote(PASSWORD, safe='')}@127.0.0.1:{port or self.port}/{self.name}{more}"

    def do(self, statement: str) -> None:
        """Runs SQL in it as the superuser."""
        _run(self.sockets, self.name, statement)


@contextmanager
def shop(system: System) -> Iterator[Shop]:
    """A new shop; gone at the end."""
    sockets = Path(psycopg2.extensions.parse_dsn(system.database_url)["host"])
    name = f"shop_{secrets.token_hex(4)}"
    roles = [f"{name}_{user}" for user in ("reader", "writer")]
    with tcp_door(lambda: str(sockets / ".s.PGSQL.5432")) as port:
        made = Shop(name, port, sockets)
        for role in roles:
            _run(sockets, "postgres", f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        _run(sockets, "postgres", f"CREATE DATABASE {name}")
        made.do(SHOP)
        made.do(f"GRANT USAGE ON SCHEMA sales TO {', '.join(roles)}")
        made.do(f"GRANT SELECT ON ALL TABLES IN SCHEMA public, sales TO {', '.join(roles)}")
        made.do(f"GRANT INSERT, UPDATE, DELETE ON public.customers TO {roles[1]}")
        try:
            yield made
        finally:
            _run(sockets, "postgres", f"DROP DATABASE {name} WITH (FORCE)")
            for role in roles:
                _run(sockets, "postgres", f"DROP ROLE {role}")


def _run(sockets: Path, database: str, statement: str) -> None:
    connection = psycopg2.connect(dbname=database, user=SUPERUSER, host=str(sockets))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


@contextmanager
def tcp_door(path: Callable[[], str]) -> Iterator[int]:
    """A port on 127.0.0.1 that leads to a Unix socket."""

    def serve(near: socket.socket) -> None:
        far = socket.socket(socket.AF_UNIX)
        with near, far, suppress(OSError):
            far.connect(path())
            threading.Thread(target=_pump, args=(near, far), daemon=True).start()
            _pump(far, near)

    with door(serve) as port:
        yield port


@contextmanager
def door(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port on 127.0.0.1 whose every connection is given to `serve`, each in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
