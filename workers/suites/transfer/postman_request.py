"""A request of a Postman collection as an HTTP step."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import orjson

from infra.http import METHODS
from schemas.templated import LONGEST_NAME
from workers.suites.transfer.imported import Imported
from workers.suites.transfer.postman_names import SECRET, Names

Json = dict[str, Any]

BOUNDARY = "----SwitchyardFormBoundary"
REDIRECTS = 5
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECRET_HEADER = re.compile(r"(proxy-)?authorization|cookie", re.I)
_PARAMETER = re.compile(r"(?<=/):([^/?#:]+)")
# A text of JSON, or a place outside of one.
_BARE_PLACE = re.compile(r'"(?:[^"\\]|\\.)*"|\{\{[^{}\n"]{1,200}\}\}', re.DOTALL)
_DECLARES_JSON = re.compile(r"[^;]*[/+]json\b", re.I)


class Requests:
    """Makes steps of the requests of one collection."""

    def __init__(self, found: Imported, names: Names) -> None:
        self._found, self._names = found, names

    def step(self, request: Any, place: str) -> Json | None:
        """The step, without authentication and tests; None, with a warning, for what cannot be sent here."""
        if isinstance(request, str):
            request = {"url": request}
        if not isinstance(request, dict):
            self._found.warn(place, "This is no request.")
            return None
        method = str(request.get("method") or "GET").upper()
        url = request.get("url")
        if method not in METHODS or not url:
            self._found.warn(place, f"A {method[:30]} request is not known here." if url else "The request has no URL.")
            return None
        step: Json = {"kind": "http", "method": method, **self._url(url, f"{place}/url")}
        headers = self._headers(request.get("header"), f"{place}/header")
        step |= self._body(request.get("body"), headers, f"{place}/body")
        return step | ({"headers": headers} if headers else {})

    def _text(self, value: Any, place: str) -> str:
        return self._names.text("" if value is None else str(value), place)

    def _url(self, url: Any, place: str) -> Json:
        raw = url if isinstance(url, str) else str(url.get("raw") or "") if isinstance(url, dict) else ""
        parts = url if isinstance(url, dict) else {}
        if not raw:
            raw = _joined(parts)
        whole, _, _ = raw.partition("#")
        address, asks, written = whole.partition("?")
        pairs = parts.get("query") if isinstance(parts.get("query"), list) else None
        query = self._pairs(pairs, place, seals=True) if pairs is not None else {}
        given = {str(one.get("key")): one.get("value") for one in _objects(parts.get("variable"))}
        head, slashes, path = address.rpartition("//")
        parameters: Json = {}

        def parameter(found: re.Match[str]) -> str:
            name = self._names.ours(found[1])
            value = given.get(found[1])
            parameters[name] = f"{{{{{name}}}}}" if value in (None, "") else self._text(value, place)
            return f"{{{name}}}"

        path = _PARAMETER.sub(parameter, path)
        made = self._text(f"{head}{slashes}", place) + self._text(path, place)
        if asks and pairs is None:
            made += f"?{'&'.join(self._written(one, place) for one in written.split('&'))}"
        return {
            "url": made,
            **({"path_params": parameters} if parameters else {}),
            **({"query": query} if query else {}),
        }

    def _written(self, pair: str, place: str) -> str:
        """A pair of a query that is written out."""
        name, _, value = pair.partition("=")
        if value and SECRET.fullmatch(unquote_plus(name)):
            return f"{self._text(name, place)}={self._sealed(unquote_plus(name), unquote_plus(value), place)}"
        return self._text(pair, place)

    def _sealed(self, name: str, value: str, place: str) -> str:
        return self._names.secret(value, name.lower().replace("-", "_")[:LONGEST_NAME], place)

    def _pairs(self, pairs: Any, place: str, *, seals: bool = False) -> Json:
        """Names with a value, or with a list of them; `seals`: what is a secret by its name is kept as one."""
        found: Json = {}
        for one in _objects(pairs):
            if one.get("disabled") or one.get("key") in (None, ""):
                continue
            name, value = self._text(one["key"], place), one.get("value")
            is_secret = seals and value and SECRET.fullmatch(str(one["key"]))
            value = self._sealed(name, str(value), place) if is_secret else self._text(value, place)
            before = found.get(name)
            found[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
        return found

    def _headers(self, said: Any, place: str) -> dict[str, str]:
        if isinstance(said, str):
            said = [dict(zip(("key", "value"), line.split(":", 1), strict=False)) for line in said.splitlines() if line]
        headers: dict[str, str] = {}
        for one in _objects(said):
            name, value = str(one.get("key") or "").strip(), one.get("value")
            if one.get("disabled") or not name:
                continue
            if not _TOKEN.fullmatch(name):
                self._found.warn(place, f"{name[:50]!r} is no name of a header; it is left out.")
            elif (_SECRET_HEADER.fullmatch(name) or SECRET.fullmatch(name)) and value:
                headers[name] = self._credential(name, str(value).strip(), place)
            else:
                headers[name] = self._text(value, place).strip()
        return headers

    def _credential(self, name: str, value: str, place: str) -> str:
        """A header with a secret in it; of `Bearer …` the scheme stays readable."""
        scheme, space, rest = value.partition(" ")
        if space and "{{" not in scheme and name.lower().endswith("authorization"):
            return f"{scheme} {self._names.secret(rest.strip(), 'token', place)}"
        return self._sealed(name, value, place)

    def _body(self, body: Any, headers: dict[str, str], place: str) -> Json:
        if not isinstance(body, dict) or body.get("disabled") or not body.get("mode"):
            return {}
        mode = body["mode"]
        said = body.get(mode)
        if mode == "raw":
            return self._raw(str(said or ""), body, headers, place)
        if mode == "urlencoded":
            return {"form": self._pairs(said, place)}
        if mode == "graphql" and isinstance(said, dict):
            return {"body": self._graphql(said, place)}
        if mode == "formdata":
            return self._multipart(said, headers, place)
        self._found.warn(place, f"A body of {str(mode)[:30]!r} is left out; files are not sent from here.")
        return {}

    def _raw(self, text: str, body: Json, headers: dict[str, str], place: str) -> Json:
        if not text.strip():
            return {}
        declared = next((value for name, value in headers.items() if name.lower() == "content-type"), None)
        options = body.get("options") if isinstance(body.get("options"), dict) else {}
        language = (options or {}).get("raw") if isinstance((options or {}).get("raw"), dict) else {}
        wants_json = (language or {}).get("language") == "json" or _DECLARES_JSON.match(declared or "")
        if wants_json or (declared is None and not language and text.lstrip()[:1] in "{["):
            try:
                return {"body": self._names.value(orjson.loads(_quoted_places(text)), place)}
            except orjson.JSONDecodeError as error:
                self._found.warn(place, f"The body is no JSON ({error}); it is sent as text.")
        if declared is None:
            headers["Content-Type"] = "application/json" if wants_json else "text/plain"
        return {"text": self._names.text(text, place)}

    def _graphql(self, said: Json, place: str) -> Json:
        made = {"query": self._text(said.get("query"), place)}
        variables = said.get("variables")
        if isinstance(variables, str) and variables.strip():
            try:
                variables = orjson.loads(_quoted_places(variables))
            except orjson.JSONDecodeError as error:
                self._found.warn(f"{place}/graphql/variables", f"These are no JSON ({error}); they are left out.")
                variables = None
        if variables:
            made["variables"] = self._names.value(variables, place)
        if said.get("operationName"):
            made["operationName"] = self._text(said["operationName"], place)
        return made

    def _multipart(self, said: Any, headers: dict[str, str], place: str) -> Json:
        lines = []
        for number, one in enumerate(_objects(said)):
            if one.get("disabled"):
                continue
            if one.get("type") == "file":
                self._found.warn(f"{place}/formdata/{number}", "Files are not sent from here; this part is left out.")
                continue
            name = self._text(one.get("key"), place).replace('"', "%22").replace("\r", "").replace("\n", "")
            lines += [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{name}"', ""]
            lines.append(self._text(one.get("value"), place))
        for name in [one for one in headers if one.lower() == "content-type"]:
            del headers[name]
        headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
        return {"text": "\r\n".join([*lines, f"--{BOUNDARY}--", ""])}


def _objects(value: Any) -> Iterator[Json]:
    return (one for one in (value if isinstance(value, list) else ()) if isinstance(one, dict))


def _joined(parts: Json) -> str:
    """A URL from its parts, where it is not written as a whole."""
    host, path = parts.get("host"), parts.get("path")
    host = ".".join(map(str, host)) if isinstance(host, list) else str(host or "")
    steps = (
        [str(one.get("value", "")) if isinstance(one, dict) else str(one) for one in path]
        if isinstance(path, list)
        else [str(path or "").lstrip("/")]
    )
    protocol = f"{parts['protocol']}://" if parts.get("protocol") else ""
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"{protocol}{host}{port}/{'/'.join(steps)}" if host else ""


def _quoted_places(text: str) -> str:
    """JSON in which a place that stands for a value is a text, which keeps the value's type when it is put in."""
    return _BARE_PLACE.sub(lambda found: f'"{found[0]}"' if found[0].startswith("{{") else found[0], text)
