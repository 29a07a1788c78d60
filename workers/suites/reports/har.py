"""The report as HAR 1.2: every HTTP request of a run with its answer, as browsers' developer tools and proxies read it.

Steps that asked a model are not in it. Fields that begin with an underscore are ours, as HAR allows: which case,
execution and step it was. It is written piece by piece.
"""

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlsplit

from infra import ids, json
from infra.clock import rfc3339
from infra.version import version
from models import Case, CaseRun
from workers.suites.reports import gathering
from workers.suites.reports.gathering import Head, Steps

Json = dict[str, Any]

UNKNOWN_SIZE = -1


def write(head: Head, out: BinaryIO) -> None:
    """Writes the report of a run."""
    creator = {"name": "Switchyard", "version": version()}
    out.write(b'{"log":{"version":"1.2","creator":' + json.dump_bytes(creator))
    out.write(b',"comment":' + json.dump_bytes(f"{head.title}: {head.run.public_id}") + b',"entries":[')
    first = True
    for case, runs in gathering.told(head, Steps.ALL):
        for run in runs:
            for entry in entries(run, case.name):
                out.write((b"\n" if first else b",\n") + json.dump_bytes(entry))
                first = False
    out.write(b"\n]}}\n")


def entries(run: CaseRun, name: str) -> Iterator[Json]:
    """The requests of one execution that were sent."""
    for step in run.steps:
        request = step.get("request") or {}
        if step.get("kind") == "http" and request.get("url"):
            yield _entry(run, name, step, request)


def _entry(run: CaseRun, name: str, step: Json, request: Json) -> Json:
    milliseconds = max(0.0, float(step.get("milliseconds") or 0))
    return {
        "startedDateTime": _time(step.get("started_at"), run.created_at),
        "time": milliseconds,
        "request": _request(request),
        "response": _response(step.get("response") or {}, step.get("reason")),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        "comment": f"{name}: {step.get('id')}",
        "_testCaseId": ids.show(Case.prefix, run.case_id),
        "_executionId": run.public_id,
        "_step": step.get("id"),
        "_verdict": step.get("verdict"),
        "_traceId": step.get("trace_id") or run.trace_id,
    }


def _request(request: Json) -> Json:
    headers = _headers(request)
    body = request.get("body")
    shown: Json = {
        "method": str(request.get("method") or "GET"),
        "url": str(request["url"]),
        "httpVersion": "HTTP/1.1",
        "cookies": _cookies(headers, "cookie"),
        "headers": headers,
        "queryString": _query(str(request["url"])),
        "headersSize": UNKNOWN_SIZE,
        "bodySize": int(request.get("bytes") or 0),
    }
    if body is not None:
        # HAR has no encoding for what was sent; base64 is said in the comment.
        encoding = request.get("encoding") or "utf-8"
        said = {} if encoding == "utf-8" else {"comment": f"encoding: {encoding}"}
        shown["postData"] = {"mimeType": _value(headers, "content-type"), "text": _text(body), **said}
    return shown


def _response(response: Json, reason: str | None) -> Json:
    headers = _headers(response)
    status = int(response.get("status") or 0)
    content: Json = {"size": int(response.get("bytes") or 0), "mimeType": _value(headers, "content-type")}
    if response.get("body") is not None:
        content["text"] = _text(response["body"])
    if response.get("encoding") == "base64":
        content["encoding"] = "base64"
    if response.get("cut"):
        content["comment"] = "Cut; the whole is in the file " + str(response.get("file_id") or "that was not kept")
    return {
        "status": status,
        "statusText": _phrase(status),
        "httpVersion": "HTTP/1.1",
        "cookies": _cookies(headers, "set-cookie"),
        "headers": headers,
        "content": content,
        "redirectURL": _value(headers, "location"),
        "headersSize": UNKNOWN_SIZE,
        "bodySize": UNKNOWN_SIZE,
        **({} if status else {"comment": reason or "No answer came."}),
    }


def _headers(message: Json) -> list[Json]:
    return [{"name": str(name), "value": str(value)} for name, value in message.get("headers") or ()]


def _value(headers: list[Json], name: str) -> str:
    return next((str(one["value"]) for one in headers if one["name"].lower() == name), "")


def _cookies(headers: list[Json], name: str) -> list[Json]:
    found = []
    for header in headers:
        if header["name"].lower() != name:
            continue
        try:
            jar = SimpleCookie(header["value"])
        except CookieError:
            continue
        found += [{"name": key, "value": morsel.value} for key, morsel in jar.items()]
    return found


def _query(url: str) -> list[Json]:
    try:
        pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:
        return []
    return [{"name": name, "value": value} for name, value in pairs]


def _text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _time(said: Any, otherwise: datetime) -> str:
    return said if isinstance(said, str) and said else rfc3339(otherwise)
