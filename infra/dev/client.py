"""The little HTTP that the supervisor and the demonstration speak, past any proxy settings of the shell."""

import http.client
import json
import select
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from infra.dev.ports import HOST
from infra.dev.problem import Problem


class Probe:
    """Asks a server that is about to come up and never waits for it: a call only looks; True once it said 200."""

    def __init__(self, port: int, path: str) -> None:
        self._port, self._request = port, f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
        self._asked: socket.socket | None = None

    def __call__(self) -> bool:
        try:
            if self._asked is None:
                self._asked = socket.create_connection((HOST, self._port), timeout=1)
                self._asked.sendall(self._request)
            if not select.select([self._asked], [], [], 0)[0]:
                return False
            ready = self._asked.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.0 200")
        except OSError:
            ready = False
        if self._asked:
            self._asked.close()
            self._asked = None
        return ready


class Client:
    """Calls the API with a key. What is not a success is a Problem with the answer in it."""

    def __init__(self, port: int, api_key: str, *, timeout: float = 30.0) -> None:
        self._port, self._timeout = port, timeout
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}

    def get(self, path: str) -> Any:
        with self._call("GET", path) as response:
            return json.loads(response.read())

    def post(self, path: str, body: object) -> Any:
        with self._call("POST", path, json.dumps(body)) as response:
            return json.loads(response.read())

    def accepted(self) -> bool:
        """Whether the key is good."""
        try:
            self.get("/v1/projects")
        except Problem:
            return False
        return True

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        """The JSON of each server-sent event, as it comes, until the server closes the stream."""
        data: list[str] = []
        with self._call("GET", path, accept="text/event-stream") as response:
            for raw in response:
                line = raw.decode().rstrip("\r\n")
                if line.startswith("data:"):
                    data.append(line.removeprefix("data:").lstrip())
                elif not line and data:
                    yield json.loads("\n".join(data))
                    data = []

    @contextmanager
    def _call(
        self, method: str, path: str, body: str | None = None, *, accept: str = "application/json"
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=self._timeout)
        with closing(connection):
            connection.request(method, path, body, {**self._headers, "Accept": accept})
            response = connection.getresponse()
            if response.status >= 300:
                said = response.read(500).decode(errors="replace")
                raise Problem(f"{method} {path} answered {response.status}: {said}")
            yield response
