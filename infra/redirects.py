"""What follows a redirect, as browsers do it, less whatever could be a secret."""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from multidict import CIMultiDict
from yarl import URL

from infra.errors import TargetRefused

REDIRECTS = (301, 302, 303, 307, 308)
# What may go to another origin: no header that could be a credential or a signature.
HARMLESS = frozenset(("accept", "accept-language", "content-type", "user-agent"))
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class Request(NamedTuple):
    """What is sent to one URL."""

    method: str
    url: URL
    headers: Mapping[str, str] | None
    body: bytes | None


def redirected(request: Request, status: int, location: str, *, parse: Callable[[str], URL]) -> Request:
    """The request after that answer. `parse` checks the new URL as it did the first; raises TargetRefused."""
    try:
        url = parse(location if _ABSOLUTE.match(location) else str(request.url.join(URL(location))))
    except ValueError:
        raise TargetRefused(f"{request.url.host} redirects to what is not a URL.") from None
    if (request.url.scheme, url.scheme) == ("https", "http"):
        raise TargetRefused(f"{request.url.host} redirects from https to http, which Switchyard does not follow.")
    method, body, headers = request.method, request.body, CIMultiDict(request.headers or {})
    if (status == HTTPStatus.SEE_OTHER and method != "HEAD") or (status in (301, 302) and method == "POST"):
        method, body = "GET", None
        headers.popall("Content-Type", None)
    if url.origin() != request.url.origin():
        headers = CIMultiDict((name, value) for name, value in headers.items() if name.lower() in HARMLESS)
    return Request(method, url, headers, body)
