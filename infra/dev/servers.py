"""PostgreSQL and Redis: the embedded ones, except where a URL names another, which must answer."""

from urllib.parse import urlsplit

import psycopg2
import redis

from infra.dev.environment import Options
from infra.dev.folder import Folder
from infra.dev.postgres import Postgres
from infra.dev.problem import Problem
from infra.dev.redis_server import Redis
from infra.dev.supervisor import Supervisor


def start_servers(supervisor: Supervisor, folder: Folder, options: Options) -> dict[str, str]:
    """Start or check them; returns DATABASE_URL, REDIS_URL and BROKER_URL for everything else."""
    embedded_redis = None if options.redis_url else Redis(folder, supervisor.guard)
    postgres = None if options.database_url else Postgres(folder, supervisor.guard)
    if options.database_url:
        check_database(options.database_url)
    for name, url in (("REDIS_URL", options.redis_url), ("BROKER_URL", options.broker_url)):
        if url and url.startswith(("redis://", "rediss://", "unix://")):
            check_redis(name, url)
    servers = [server for server in (embedded_redis, postgres) if server]
    for server in servers:
        server.prepare()
    supervisor.start(*(server.process for server in servers))
    if postgres:
        postgres.provide()
    redis_url = options.redis_url or (embedded_redis.url if embedded_redis else "")
    return {
        "DATABASE_URL": options.database_url or (postgres.url if postgres else ""),
        "REDIS_URL": redis_url,
        "BROKER_URL": options.broker_url or redis_url,
    }


def check_database(url: str) -> None:
    plain = "postgresql://" + url.partition("://")[2]
    try:
        psycopg2.connect(plain, connect_timeout=5).close()
    except psycopg2.Error as error:
        raise Problem(f"DATABASE_URL ({shown(url)}) does not answer: {_first_line(error)}") from None


def check_redis(name: str, url: str) -> None:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise Problem(f"{name} ({shown(url)}) does not answer: {_first_line(error)}") from None


def shown(url: str) -> str:
    """The URL without what is secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
