"""The table of observations in ClickHouse, and a client for each process.

A row that comes again has the same key, and ClickHouse keeps one of them: at once for those who read with FINAL, for
good when it merges. Days are partitions, dropped whole. The schema is made where it is not there yet.
"""

from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from infra.errors import Unavailable
from infra.process import PerProcess
from infra.settings import settings

CONNECT_SECONDS, ANSWER_SECONDS = 3, 15
AWAY = (ClickHouseError, HTTPError, OSError)
TABLE = """
CREATE TABLE IF NOT EXISTS observations (
  project_id UUID, trace_id UUID, span_id Int64, digest Int64,
  started_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD), duration_us Int64,
  received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
  parent_id Nullable(Int64), kind LowCardinality(String), span_kind UInt8, status LowCardinality(String),
  name LowCardinality(String), status_message Nullable(String), service LowCardinality(Nullable(String)),
  operation LowCardinality(Nullable(String)), provider LowCardinality(Nullable(String)),
  model LowCardinality(Nullable(String)), session_id Nullable(String), user_id Nullable(String),
  release LowCardinality(Nullable(String)), environment LowCardinality(Nullable(String)),
  input_tokens Nullable(Int32), output_tokens Nullable(Int32), cached_tokens Nullable(Int32),
  cache_write_tokens Nullable(Int32), reasoning_tokens Nullable(Int32), cost Nullable(Decimal(38, 18)),
  mapping_version UInt16, resource Nullable(Int64), attributes String CODEC(ZSTD(3)),
  events Nullable(String) CODEC(ZSTD(3)), links Nullable(String) CODEC(ZSTD(3)),
  INDEX by_time started_at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(received_at) PARTITION BY toYYYYMMDD(started_at)
ORDER BY (project_id, trace_id, started_at, span_id, digest)
"""
# An answer means that the rows are there. A program that sends what a month has left touches many days at once.
WRITING = {"async_insert": 0, "wait_end_of_query": 1, "max_partitions_per_insert_block": 0}
# What is the same lies in one partition, as its time is part of it.
READING = {"final": 1, "do_not_merge_across_partitions_select_final": 1, "max_execution_time": 10}


def _connect() -> Client:
    # Its pool of connections serves all threads; a session of ClickHouse's would have them wait for each other.
    client = clickhouse_connect.get_client(
        dsn=settings().clickhouse_url,
        connect_timeout=CONNECT_SECONDS,
        send_receive_timeout=ANSWER_SECONDS,
        autogenerate_session_id=False,
        form_encode_query_params=True,
    )
    client.command(TABLE)
    return client


_client = PerProcess(_connect)


def query(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Rows of a statement with `{name:Type}` in the places of its parameters. Raises Unavailable."""
    try:
        rows: Any = _client().query(statement, parameters=parameters, settings=READING).result_rows
        return [*rows]
    except AWAY as error:
        raise _unavailable(error) from None


def command(statement: str, parameters: dict[str, Any] | None = None) -> None:
    """Does something. Raises Unavailable."""
    try:
        _client().command(statement, parameters=parameters)
    except AWAY as error:
        raise _unavailable(error) from None


def insert(columns: dict[str, list[Any]]) -> None:
    """Writes rows, column by column. Raises Unavailable."""
    try:
        _client().insert(
            "observations", [*columns.values()], column_names=[*columns], column_oriented=True, settings=WRITING
        )
    except AWAY as error:
        raise _unavailable(error) from None


def _unavailable(error: Exception) -> Unavailable:
    said = str(error).partition("\n")[0][:200]
    return Unavailable(f"ClickHouse, where observations are kept, cannot be asked: {type(error).__name__}: {said}")
