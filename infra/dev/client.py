"""The little HTTP that the supervisor and the demonstration speak, past any proxy settings of the shell."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

from infra.dev.ports import HOST
from infra.dev.problem import Problem


def answers(port: int, path: str) -> bool:
    """Whether GET answers 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Client:
    """Calls the API with a key. What is not a success is a Problem with the answer in it."""

    def __init__(self, port: int, api_key: str, *, timeout: float = 30.0) -> None:
        self._port, self._timeout = port, timeout
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}

    def get(self, path: str) -> Any:
        return json.loads(self._call("GET", path).read())

    def post(self, path: str, body: object) -> Any:
        return json.loads(self._call("POST", path, json.dumps(body)).read())

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        """The JSON of each server-sent event, as it comes, until the server closes the stream."""
        response = self._call("GET", path, accept="text/event-stream")
        data: list[str] = []
        for raw in response:
            line = raw.decode().rstrip("\r\n")
            if line.startswith("data:"):
                data.append(line.removeprefix("data:").lstrip())
            elif not line and data:
                yield json.loads("\n".join(data))
                data = []

    def _call(
        self, method: str, path: str, body: str | None = None, *, accept: str = "application/json"
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=self._timeout)
        connection.request(method, path, body, {**self._headers, "Accept": accept})
        response = connection.getresponse()
        if response.status >= 300:
            raise Problem(f"{method} {path} answered {response.status}: {response.read(500).decode(errors='replace')}")
        return response
