"""A ClickHouse over HTTP on loopback: the real engine (chdb is ClickHouse in a library) behind a door of our own.

It takes what clickhouse-connect sends (statements, parameters, inserts in Native) and has the engine do it, so SQL,
types, merging and the client's coding of columns are the real ones. Authentication, replication, a server's limits and
what it does under load are not: those nobody has tried.

    python -m tests.fakes.clickhouse FOLDER     prints its port, and ends with its input
"""

import gzip
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import lz4.frame

CODE = re.compile(r"Code: (\d+)")


def _of_lz4(body: bytes) -> bytes:
    """Each block of rows is a frame."""
    found = []
    while body:
        inflater = lz4.frame.LZ4FrameDecompressor()
        found.append(inflater.decompress(body))
        body = inflater.unused_data or b""
    return b"".join(found)


INFLATE: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.decompress, "lz4": _of_lz4}
INTO = re.compile(rb"^\s*INSERT INTO", re.IGNORECASE)


@contextmanager
def running() -> Iterator[str]:
    """Its URL; it ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", "-m", "tests.fakes.clickhouse", folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None and process.stdout is not None
            yield f"http://default:@127.0.0.1:{process.stdout.readline().strip()}/default"
            process.stdin.close()
            process.wait(20)


class Engine:
    """ClickHouse itself, which does one thing at a time here."""

    def __init__(self, folder: Path) -> None:
        from chdb.session import Session

        self.folder = folder
        self._session, self._one_at_a_time = Session(str(folder / "data")), threading.Lock()

    def do(self, asked: dict[str, str], body: bytes) -> bytes:
        """What a request says."""
        if INTO.match(body):
            into, _, rows = body.partition(b"\n")
            return self._insert(into.decode(), rows)
        statement = (asked.get("query", "") + body.decode()).strip()
        found = re.search(r"\s+FORMAT\s+(\w+)\s*$", statement)
        core = statement[: found.start()] if found else statement
        if asked.get("final") == "1":
            core += " SETTINGS final = 1"
        parameters = {name[6:]: value for name, value in asked.items() if name.startswith("param_")}
        return self._execute(core, found[1] if found else "TabSeparated", parameters)

    def _insert(self, into: str, rows: bytes) -> bytes:
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".native") as file:
            file.write(rows)
            file.flush()
            into = re.sub(r"\s+FORMAT\s+Native\s*$", "", into.strip())
            return self._execute(f"{into} SELECT * FROM file('{file.name}', 'Native')", "Null", {})

    def _execute(self, statement: str, form: str, parameters: dict[str, str]) -> bytes:
        with self._one_at_a_time:
            return bytes(self._session.query(statement, form, params=parameters).bytes())


class Handler(BaseHTTPRequestHandler):
    """The door."""

    protocol_version = "HTTP/1.1"
    engine: Engine

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(INFLATE[self.headers.get("Content-Encoding", "")](body))

    def _chunk(self) -> bytes:
        found = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return found

    def _answer(self, body: bytes) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            body, asked = _of_form(kind, body, asked)
        try:
            self._send(200, self.engine.do(asked, body))
        except Exception as error:
            code = CODE.search(str(error))
            self._send(500, str(error).encode(), code[1] if code else "1002")

    def _send(self, status: int, body: bytes, code: str | None = None) -> None:
        self.send_response(status)
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.send_header("X-ClickHouse-Format", "Native")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _of_form(kind: str, body: bytes, asked: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """Parameters may come as the fields of a form."""
    parts: Any = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).get_payload()
    named = ((one.get_param("name", header="content-disposition"), one) for one in parts)
    fields = {name: one.get_payload(decode=True) for name, one in named}
    return fields.pop("query", b""), asked | {name: value.decode() for name, value in fields.items()}


def serve(folder: Path) -> None:
    """Serves until its input ends."""
    Handler.engine = Engine(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
