"""The embedded PostgreSQL and Redis, really started."""

import os
import pwd
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.problem import Problem
from infra.dev.process import Process
from infra.dev.system import System


def servers(folder: Path) -> System:
    environment = {"DATABASE_URL": "", "REDIS_URL": "", "BROKER_URL": ""}
    return System(Options(data=folder), only=(), environment=environment)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with servers(tmp_path_factory.mktemp("data")) as running:
        yield running


def ask(system: System, query: str) -> object:
    connection = psycopg2.connect(system.database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
            return row[0] if row else None
    finally:
        connection.close()


def test_postgres_is_durable_and_has_vectors(system: System) -> None:
    assert ask(system, "SHOW fsync") == "on"
    assert ask(system, "SELECT '[1,0]'::vector <-> '[0,0]'::vector") == 1.0
    assert int(str(ask(system, "SHOW server_version_num"))) >= 180000


def test_the_application_is_no_superuser_but_may_make_test_databases_with_vectors(system: System) -> None:
    assert ask(system, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    connection = psycopg2.connect(system.database_url)
    connection.autocommit = True
    connection.cursor().execute("CREATE DATABASE another")
    connection.close()
    other = psycopg2.connect(system.database_url.replace("/switchyard?", "/another?"))
    other.cursor().execute("CREATE EXTENSION IF NOT EXISTS vector")
    other.close()


def test_redis_wants_its_password_and_evicts_nothing(system: System) -> None:
    with redis.Redis.from_url(system.redis_url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    port = system.redis_url.rpartition(":")[2].partition("/")[0]
    with redis.Redis(port=int(port), retry=Retry(NoBackoff(), 0)) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_what_is_private_is_closed_to_other_users(system: System) -> None:
    folder = system.folder
    for closed in (folder.postgres, folder.sockets(), folder.logs):
        assert closed.stat().st_mode & 0o077 == 0
    assert (folder.run / "redis.conf").stat().st_mode & 0o077 == 0


def test_postgres_never_runs_as_root(system: System) -> None:
    server = psutil.Process(system["postgres"].pid)
    assert server.name() == "postgres"
    assert server.uids().effective != 0
    if os.geteuid() == 0:
        assert server.username() == pwd.getpwnam("nobody").pw_name


def test_a_second_system_in_the_same_folder_is_refused_and_the_first_goes_on(system: System) -> None:
    with pytest.raises(Problem, match=rf"already runs in .* \(process {os.getpid()}\)"), servers(system.folder.path):
        pass
    with pytest.raises(Problem, match=rf"process {os.getpid()}"), servers(system.folder.path):
        pass
    assert ask(system, "SELECT 1") == 1


def test_a_killed_server_is_noticed_named_and_can_be_started_again(system: System) -> None:
    redis_server = system["redis"]
    redis_server.send(signal.SIGKILL)
    wait_for_death(redis_server)
    with pytest.raises(
        Problem, match=r"redis died \(killed by signal 9\); the end of .*redis.log:\n    (.|\n)*Ready to accept"
    ):
        system.supervisor.check()
    redis_server.stop()
    system.start_again("redis")
    system.supervisor.check()
    with redis.Redis.from_url(system.redis_url) as client:
        assert client.ping()


def test_data_survives_and_nothing_stays_behind(tmp_path: Path) -> None:
    with servers(tmp_path / "data") as first:
        connection = psycopg2.connect(first.database_url)
        connection.cursor().execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.commit()  # the connection stays open: a client that hangs on must not hold up the end
        started = [first["postgres"].pid, first["redis"].pid]
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    assert not any(psutil.pid_exists(pid) for pid in started)
    assert not list((tmp_path / "data").rglob(".s.PGSQL*"))
    connection.close()
    # A crash of the machine leaves a pid file whose number belongs to somebody else after the next start.
    (tmp_path / "data/postgres/postmaster.pid").write_text(f"{os.getpid()}\n")
    begun = time.monotonic()
    with servers(tmp_path / "data") as second:
        assert time.monotonic() - begun < 5
        assert ask(second, "SELECT answer FROM kept") == 42


def test_a_path_too_long_for_sockets_works(tmp_path: Path) -> None:
    with servers(tmp_path / ("long" * 30) / "data") as system:
        assert ask(system, "SELECT 1") == 1
        sockets = system.folder.sockets()
        assert len(str(sockets)) < 80
    assert not sockets.exists()


def test_where_python_is_told_to_write_no_bytecode_it_goes_into_the_data_folder(system: System, tmp_path: Path) -> None:
    given = Options(data=tmp_path, database_url=system.database_url, redis_url=system.redis_url)
    told = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": ""}
    with System(given, only=(), environment=told) as other:
        assert other.environment["PYTHONPYCACHEPREFIX"] == str(tmp_path / "bytecode")
        assert "PYTHONDONTWRITEBYTECODE" not in other.environment


def test_given_servers_are_used_and_must_answer(system: System, tmp_path: Path) -> None:
    given = Options(data=tmp_path / "a", database_url=system.database_url, redis_url=system.redis_url)
    with System(given, only=()) as other:
        assert (other.database_url, other.redis_url) == (system.database_url, system.redis_url)
        assert other.environment["BROKER_URL"] == system.redis_url
        assert other.supervisor.processes == {}
    port = free_port()
    away = Options(data=tmp_path / "b", database_url=f"postgresql://u:secret@127.0.0.1:{port}/db")
    with pytest.raises(Problem, match=r"DATABASE_URL .* does not answer") as problem, System(away, only=()):
        pass
    assert "secret" not in str(problem.value)
    away = Options(
        data=tmp_path / "b", redis_url=f"redis://:secret@127.0.0.1:{port}/0", database_url=system.database_url
    )
    with pytest.raises(Problem, match=r"REDIS_URL .* does not answer") as problem, System(away, only=()):
        pass
    assert "secret" not in str(problem.value)


def wait_for_death(process: Process) -> None:
    deadline = time.monotonic() + 5
    while process.alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not process.alive()
