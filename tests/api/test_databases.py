"""Live databases over HTTP: stored without their secret shown, read into the draft, and queried without harm."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from infra.dev.postgres import SUPERUSER, binaries
from infra.dev.system import System
from tests.client import Client
from tests.conftest import another_project
from tests.fakes.database import PASSWORD, Shop, door, shop
from workers.sql.comparing import changes_of

Json = dict[str, Any]
NO_SUCH = "db_" + "0" * 32


@pytest.fixture(scope="module")
def live(system: System) -> Iterator[Shop]:
    with shop(system) as made:
        yield made


@pytest.fixture(scope="module")
def tenant(system: System) -> Iterator[Client]:
    with Client(system.url, another_project(system)) as connected:
        yield connected


@pytest.fixture(scope="module")
def at(tenant: Client) -> str:
    """The address of a knowledge base."""
    project = tenant.http.get("/v1/projects").json()["data"][0]["id"]
    base = tenant.http.post(f"/v1/projects/{project}/knowledge_bases", json={"name": "shop"}).json()
    return f"/v1/projects/{project}/knowledge_bases/{base['id']}"


@pytest.fixture(scope="module")
def reader(tenant: Client, at: str, live: Shop) -> Json:
    return store(tenant, at, "reader", live.dsn())


def store(tenant: Client, at: str, name: str, dsn: str, **more: Any) -> Json:
    answer = tenant.http.post(f"{at}/databases", json={"name": name, "dsn": dsn, **more})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


def put(tenant: Client, at: str, database: Json, sql: str, *parameters: Any, **more: Any) -> httpx.Response:
    body = {"sql": sql, "parameters": list(parameters), **more}
    return tenant.http.post(f"{at}/databases/{database['id']}/query", json=body)


def rows(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    assert PASSWORD not in answer.text and quote(PASSWORD, safe="") not in answer.text
    return answer.status_code, answer.json()["code"]


def test_a_database_is_stored_listed_and_deleted_and_its_password_never_shown(
    tenant: Client, at: str, live: Shop, stranger: Client
) -> None:
    made = store(tenant, at, "to delete", live.dsn(more="?sslmode=prefer&connect_timeout=9"), schemas=["public"])
    shown = tenant.http.get(f"{at}/databases/{made['id']}")
    listed = tenant.http.get(f"{at}/databases")
    assert PASSWORD not in shown.text + listed.text and "dsn" not in made
    assert shown.json() == made and made in listed.json()["data"]
    assert made["address"]["host"] == "127.0.0.1" and made["address"]["user"].endswith("_reader")
    assert stranger.http.get(f"{at}/databases/{made['id']}").status_code == 404
    assert problem(tenant.http.post(f"{at}/databases", json={"name": "to delete", "dsn": live.dsn()})) == (
        409,
        "conflict",
    )
    assert tenant.http.delete(f"{at}/databases/{made['id']}").json() == made
    assert tenant.http.get(f"{at}/databases/{made['id']}").status_code == 404
    for verb in ("test", "query"):
        assert tenant.http.post(f"{at}/databases/{NO_SUCH}/{verb}", json={"sql": "SELECT 1"}).status_code in (404, 422)


@pytest.mark.parametrize(
    ("dsn", "code"),
    [
        ("mysql://a:b@127.0.0.1/x", "invalid_input"),
        ("host=127.0.0.1 user=a", "invalid_input"),
        ("postgresql://a:b@/x?host=/var/run/postgresql", "invalid_input"),
        ("postgresql:///x", "invalid_input"),
        ("postgresql://a:b@one,two/x", "invalid_input"),
        ("postgresql://a:b@127.0.0.1:5432,127.0.0.1:5433/x", "invalid_input"),
        ("postgresql://a:b@127.0.0.1/x?options=-crole%3Dpostgres", "invalid_input"),
        ("postgresql://a:b@127.0.0.1/x?hostaddr=10.0.0.1", "invalid_input"),
        ("postgresql://a:b@127.0.0.1/x?service=other", "invalid_input"),
        ("postgresql://a:b@127.0.0.1/x?sslkey=/etc/passwd", "invalid_input"),
        ("postgresql://a:b@127.0.0.1/x?sslmode=verify-ca", "invalid_input"),
        ("postgresql://a:b@127.0.0.1:70000/x", "invalid_input"),
        ("postgresql://a:%zz@127.0.0.1/x", "invalid_input"),
        ("postgresql://a:b@10.0.0.1/x", "target_refused"),
        ("postgresql://a:b@169.254.169.254/x", "target_refused"),
        ("postgresql://a:b@[::ffff:10.0.0.1]/x", "target_refused"),
        ("postgresql://a:b@2130706433/x", "target_refused"),
    ],
)
def test_an_address_that_is_not_one_public_host_is_refused(tenant: Client, at: str, dsn: str, code: str) -> None:
    answer = tenant.http.post(f"{at}/databases", json={"name": "bad", "dsn": dsn})
    assert problem(answer) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == "/dsn"


def test_a_test_says_what_it_found_and_what_could_be_safer(tenant: Client, at: str, live: Shop, reader: Json) -> None:
    writer = store(tenant, at, "writer", live.dsn("writer"))
    root = store(tenant, at, "root", live.dsn("postgres"))
    notes = {}
    for one in (reader, writer, root):
        said = tenant.http.post(f"{at}/databases/{one['id']}/test").json()
        assert said["ok"] and said["error"] is None and said["server_version"]
        notes[one["name"]] = " ".join(said["notes"])
        assert tenant.http.get(f"{at}/databases/{one['id']}").json()["last_test"] == said
    assert "write" not in notes["reader"] and "may be unencrypted" in notes["reader"]
    assert "write privileges on 1 tables" in notes["writer"]
    assert "superuser" in notes["root"]
    assert problem(put(tenant, at, root, "SELECT 1")) == (422, "query_refused")


def test_a_test_of_what_is_no_database_says_so(tenant: Client, at: str, live: Shop) -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.close()

    def babble(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        closed = listening.getsockname()[1]
    with door(hang_up) as hanging, door(babble) as babbling:
        for port, name in ((closed, "closed"), (hanging, "hanging"), (babbling, "babbling")):
            made = store(tenant, at, name, live.dsn(port=port))
            said = tenant.http.post(f"{at}/databases/{made['id']}/test").json()
            assert not said["ok"] and said["error"]["code"] in ("target_unreachable", "target_error"), (name, said)
            assert problem(put(tenant, at, made, "SELECT 1"))[0] == 502
    wrong = store(tenant, at, "wrong", live.dsn().removesuffix(live.name) + "nowhere")
    answer = put(tenant, at, wrong, "SELECT 1")
    assert problem(answer) == (502, "target_error") and 'database "nowhere" does not exist' in answer.json()["detail"]


def test_a_server_that_never_answers_is_given_up(tenant: Client, at: str, live: Shop) -> None:
    def say_nothing(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while connection.recv(100):
                pass

    with door(say_nothing) as silent:
        made = store(tenant, at, "silent", live.dsn(port=silent))
        answer = put(tenant, at, made, "SELECT 1", timeout_s=1)
    assert problem(answer) == (504, "target_timeout")


def test_values_of_every_type_come_as_json(tenant: Client, at: str, reader: Json) -> None:
    answer = put(
        tenant,
        at,
        reader,
        """SELECT 1 AS a, 2.50::numeric AS b, 'NaN'::float8 AS c, true AS d, NULL AS e, date 'infinity' AS f,
        timestamp '20000-01-01 00:00' AS g, '\\x00ff'::bytea AS h, ARRAY[1, NULL] AS i, '{"k": [1.5]}'::jsonb AS j,
        interval '1 month' AS k, ARRAY[date '2024-02-29'] AS l, 9223372036854775807 AS m, '{"n": 1e999}'::json AS n,
        ARRAY['x', 'y'] AS o, 'späte $1; --'::text AS p, row(1, 'z') AS q, 'a'::text AS a""",
    )
    values = rows(answer)[0]
    assert [one["name"] for one in answer.json()["columns"]] == [*"abcdefghijklmnopq", "a"]
    assert [one["type"] for one in answer.json()["columns"]][:4] == [
        "integer",
        "numeric",
        "double precision",
        "boolean",
    ]
    assert values[:8] == [1, "2.50", "nan", True, None, "infinity", "20000-01-01 00:00:00", "\\x00ff"]
    assert values[8:13] == [[1, None], {"k": [1.5]}, "P1M", ["2024-02-29"], 9223372036854775807]
    assert values[14:] == [["x", "y"], "späte $1; --", "(1,z)", "a"]
    big = rows(put(tenant, at, reader, "SELECT note FROM sales.orders"))
    assert "123456789012345678901234567890" in str(big)


def test_parameters_are_values_and_never_sql(tenant: Client, at: str, reader: Json) -> None:
    sql = "SELECT $1, $2::int + 1, $3::bool, $4, '$1', id FROM customers WHERE email = $5 AND id = ANY ($6) -- $7"
    found = rows(
        put(tenant, at, reader, sql, "it's \\' ; DROP TABLE customers; --", -3, True, None, "c7@example.com", [7, 8])
    )
    assert found == [["it's \\' ; DROP TABLE customers; --", -2, True, None, "$1", 7]]
    assert rows(put(tenant, at, reader, "SELECT count(*) FROM customers WHERE joined < $1", "2025-01-01")) == [[1500]]
    assert problem(put(tenant, at, reader, "SELECT $2", 1)) == (422, "query_refused")
    unused = put(tenant, at, reader, "SELECT $1", 1, 2)
    assert unused.json()["errors"][0]["pointer"] == "/parameters/1"


def test_rows_are_cut_at_the_limit_and_at_four_mebibytes(tenant: Client, at: str, reader: Json) -> None:
    whole = put(tenant, at, reader, "SELECT id FROM customers ORDER BY id LIMIT 100").json()
    assert len(whole["rows"]) == 100 and not whole["truncated"]
    cut = put(tenant, at, reader, "SELECT id FROM customers ORDER BY id", limit=1000).json()
    assert cut["rows"] == [[number] for number in range(1, 1001)] and cut["truncated"]
    wide = put(tenant, at, reader, "SELECT repeat('x', 1000000) FROM customers").json()
    assert len(wide["rows"]) == 4 and wide["truncated"]
    huge = put(tenant, at, reader, "SELECT repeat('x', 20000000)")
    assert problem(huge) == (502, "answer_too_large")
    late = put(
        tenant,
        at,
        reader,
        "SELECT CASE WHEN i < 5 THEN 'x' ELSE repeat('x', 18000000) END FROM generate_series(1, 9) i",
    )
    assert rows(late) == [["x"]] and late.json()["truncated"]
    assert rows(put(tenant, at, reader, "VALUES (1), (2);")) == [[1], [2]]
    assert rows(put(tenant, at, reader, "SELECT 1 WHERE false")) == []


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM customers",
        "INSERT INTO customers (email) VALUES ('x')",
        "UPDATE customers SET email = 'x'",
        "WITH gone AS (DELETE FROM customers RETURNING *) SELECT * FROM gone",
        "SELECT * INTO copied FROM customers",
        "SELECT * FROM customers FOR UPDATE",
        "CREATE TABLE x (y int)",
        "DROP TABLE customers",
        "SELECT 1; DROP TABLE customers",
        "SELECT 1;;",
        "COPY customers TO '/tmp/x'",
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "EXPLAIN ANALYZE DELETE FROM customers",
        "CALL f()",
        "DO $$ BEGIN END $$",
        "SET ROLE postgres",
        "BEGIN",
        "LISTEN x",
        "SELECT pg_sleep(10)",
        "SELECT pg_catalog.pg_sleep (10)",
        'SELECT "pg_sleep"(10)',
        "SELECT pg_sleep/* x */ /* /* y */ */(10)",
        'SELECT U&"pg\\005fsleep"(10)',
        "SELECT * FROM pg_read_file('/etc/passwd')",
        "SELECT pg_ls_dir('/')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_export(1, '/tmp/x')",
        "SELECT * FROM dblink('host=10.0.0.1', 'SELECT 1') AS t (a int)",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT nextval('sales.orders_id_seq')",
        "SELECT pg_terminate_backend(1)",
        "SELECT pg_advisory_lock(1)",
        "SELECT query_to_xml('SELECT pg_sleep(10)', true, true, '')",
        "SELECT 'open",
        "SELECT /* open",
        "",
        ";",
        "SELECT " + "(" * 5000 + "1" + ")" * 5000,
        "this is no sql",
    ],
)
def test_what_does_more_than_read_is_refused(tenant: Client, at: str, reader: Json, sql: str) -> None:
    answer = put(tenant, at, reader, sql)
    status, code = problem(answer)
    assert status == 422 and code in ("query_refused", "invalid_input"), answer.text
    assert answer.json()["errors"][0]["pointer"] == "/sql"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'it''s; DROP TABLE x' AS \"a;b\", $$;'$$, E'\\';'",
        "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT sum(i) FROM n",
        "TABLE sales.turnover",
        "(SELECT 1 UNION SELECT 2) ORDER BY 1",
        "SELECT net FROM customers c LEFT JOIN LATERAL (SELECT * FROM sales.orders WHERE customer_id = c.id) o ON true",
        "SELECT count(*) FILTER (WHERE id > 5) OVER (PARTITION BY credit > 3), email ~* '^c[0-9]' FROM customers",
        "SELECT pg_typeof(1), pg_size_pretty(pg_table_size('customers')), has_table_privilege('customers', 'select')",
        "SELECT /* a -- */ 1 -- ; x",
    ],
)
def test_what_only_reads_is_answered(tenant: Client, at: str, reader: Json, sql: str) -> None:
    assert rows(put(tenant, at, reader, sql))


def test_what_the_database_says_of_a_query_comes_back(tenant: Client, at: str, reader: Json) -> None:
    for sql, said in (
        ("SELECT nobody FROM customers", 'column "nobody" does not exist (42703)'),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT * FROM pg_authid", "permission denied"),
        ("SELECT 'x'::int", "invalid input syntax"),
    ):
        answer = put(tenant, at, reader, sql)
        assert problem(answer) == (422, "query_failed") and said in answer.json()["detail"]
    slow = put(
        tenant, at, reader, "SELECT count(*) FROM customers a, customers b, customers c, customers d", timeout_s=1
    )
    assert problem(slow) == (504, "target_timeout")


def test_nothing_is_written_even_by_a_role_that_may(tenant: Client, at: str, live: Shop, reader: Json) -> None:
    live.do(
        "CREATE FUNCTION grow() RETURNS int LANGUAGE sql AS 'INSERT INTO customers (email) VALUES (''x'') RETURNING 1'"
    )
    writer = store(tenant, at, "another writer", live.dsn("writer"))
    answer = put(tenant, at, writer, "SELECT grow()")
    assert problem(answer) == (422, "query_failed") and "read-only transaction" in answer.json()["detail"]
    assert rows(put(tenant, at, reader, "SELECT count(*) FROM customers")) == [[1500]]


def test_a_query_needs_its_own_scope(system: System, tenant: Client, at: str, reader: Json) -> None:
    key = tenant.http.post("/v1/api_keys", json={"name": "kb", "scopes": ["kb:read", "kb:write"]}).json()["key"]
    with Client(system.url, key) as narrow:
        assert problem(put(narrow, at, reader, "SELECT 1")) == (403, "forbidden")


def test_a_live_database_becomes_tables_of_the_draft_and_again_nothing(
    tenant: Client, at: str, live: Shop, reader: Json
) -> None:
    def read() -> Json:
        sent = tenant.http.post(f"{at}/sql", json={"database_id": reader["id"], "source": "live"})
        assert sent.status_code == 202, sent.text
        job = tenant.wait(sent.json()["id"])
        assert job["status"] == "succeeded", job["error"]
        result: Json = job["result"]
        return result

    first = read()
    assert first["keys"]["added"] == ["public.customers", "sales.orders", "sales.turnover"]
    assert read()["tables"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 3}
    listed = tenant.http.get(f"{at}/draft/tables", params={"source": "live"}).json()["data"]
    ids = {one["key"]: one["id"] for one in listed}
    orders = tenant.http.get(f"{at}/draft/tables/{ids['sales.orders']}").json()
    live.do("ALTER TABLE sales.orders ALTER COLUMN id TYPE integer; COMMENT ON TABLE sales.orders IS 'Sold'")
    changed = read()
    assert changed["keys"]["changed"] == ["sales.orders"] and "orders" in str(orders)
    fields = {one["field"]: one["after"] for one in changed["changes"][0]["changes"]}
    assert fields == {"columns/id/type": "integer", "comment": "Sold"}


def test_a_dump_says_the_same_as_the_live_database(system: System, tenant: Client, at: str, live: Shop) -> None:
    """But for how many rows there are, and where a column's number comes from (pg_dump makes sequences of it)."""
    dump = [str(binaries() / "pg_dump"), "-h", str(live.sockets), "-U", SUPERUSER, "--no-owner", live.name]
    script = subprocess.run(dump, capture_output=True, check=True).stdout
    stored = store(tenant, at, "compared", live.dsn())
    by_dump = tenant.http.post(f"{at}/upload-sql", files={"file": script}, data={"source": "dump"})
    by_look = tenant.http.post(f"{at}/sql", json={"database_id": stored["id"], "source": "look"})
    records = []
    for sent in (by_dump, by_look):
        job = tenant.wait(sent.json()["id"])
        assert job["status"] == "succeeded" and not job["result"]["warnings"], job
        listed = tenant.http.get(f"{at}/draft/tables", params={"source": job["result"]["source"]}).json()["data"]
        whole = [tenant.http.get(f"{at}/draft/tables/{one['id']}").json() for one in listed]
        records.append({one["key"]: one["content"] for one in whole})
    dumped, looked = records
    assert looked["public.customers"].pop("rows") == 1000 and looked["sales.orders"].pop("rows") == 1
    assert looked["sales.turnover"].pop("rows") is None
    for view in (dumped["sales.turnover"], looked["sales.turnover"]):
        view["columns"] = [{"name": one["name"]} for one in view["columns"]]
    assert [changes_of(dumped[key], looked[key]) for key in looked] == [[], [], []]
    assert dumped == looked


def test_reading_a_database_that_is_not_there_fails_with_its_reason(tenant: Client, at: str, live: Shop) -> None:
    assert problem(tenant.http.post(f"{at}/sql", json={"database_id": NO_SUCH})) == (404, "not_found")
    empty = store(tenant, at, "no such schema", live.dsn(), schemas=["nothing"])
    sent = tenant.http.post(f"{at}/sql", json={"database_id": empty["id"]}).json()
    job = tenant.wait(sent["id"])
    assert job["status"] == "failed" and "sees no table in nothing" in job["error"]["message"]
