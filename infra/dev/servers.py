"""PostgreSQL, Redis and the broker: the embedded ones, except where a URL names another, which must answer."""

from urllib.parse import urlsplit

import psycopg2
import redis

from infra.dev import rabbitmq
from infra.dev.environment import ROOT, Options
from infra.dev.folder import Folder
from infra.dev.postgres import Postgres
from infra.dev.problem import Problem
from infra.dev.rabbitmq import RabbitMQ
from infra.dev.redis_server import Redis
from infra.dev.supervisor import Supervisor

MIGRATIONS = ROOT / "infra" / "migrations" / "versions"


def start_servers(supervisor: Supervisor, folder: Folder, options: Options) -> dict[str, str]:
    """Start or check them; returns DATABASE_URL, REDIS_URL and BROKER_URL for everything else."""
    embedded_redis = None if options.redis_url else Redis(folder, supervisor.guard)
    own_broker = options.broker == "rabbitmq" and not options.broker_url
    embedded_rabbitmq = RabbitMQ(folder, supervisor.guard) if own_broker else None
    postgres = None if options.database_url else Postgres(folder, supervisor.guard)
    if options.database_url:
        check_database(options.database_url)
    for name, url in (("REDIS_URL", options.redis_url), ("BROKER_URL", options.broker_url)):
        if url and url.startswith(("redis://", "rediss://", "unix://")):
            check_redis(name, url)
        elif url and url.startswith("amqp") and not rabbitmq.answers(url):
            raise Problem(f"{name} ({shown(url)}) does not answer, or not to this user")
    servers = [server for server in (embedded_redis, embedded_rabbitmq, postgres) if server]
    for server in servers:
        server.prepare()
    supervisor.start(*(server.process for server in servers))
    if postgres:
        postgres.provide()
    redis_url = options.redis_url or (embedded_redis.url if embedded_redis else "")
    return {
        "DATABASE_URL": options.database_url or (postgres.url if postgres else ""),
        "REDIS_URL": redis_url,
        "BROKER_URL": options.broker_url or (embedded_rabbitmq.url if embedded_rabbitmq else redis_url),
    }


def check_database(url: str) -> None:
    try:
        psycopg2.connect(_plain(url), connect_timeout=5).close()
    except psycopg2.Error as error:
        raise Problem(f"DATABASE_URL ({shown(url)}) does not answer: {_first_line(error)}") from None


def is_migrated(url: str) -> bool:
    """Whether the database has the newest migration already, without the seconds that importing the app takes."""
    newest = max(path.stem.partition("_")[0] for path in MIGRATIONS.glob("*.py"))
    try:
        connection = psycopg2.connect(_plain(url), connect_timeout=5)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT version_num FROM alembic_version")
                return cursor.fetchall() == [(newest,)]
        finally:
            connection.close()
    except psycopg2.Error:
        return False


def check_redis(name: str, url: str) -> None:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise Problem(f"{name} ({shown(url)}) does not answer: {_first_line(error)}") from None


def _plain(url: str) -> str:
    """Without SQLAlchemy's driver name, as libpq reads it."""
    return "postgresql://" + url.partition("://")[2]


def shown(url: str) -> str:
    """The URL without what is secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
