"""The URL of a step: joined to the environment's, with path parameters and query, and nothing in it that a URL cannot
hold."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from infra.errors import BadInput
from workers.suites.steps.templates import Scope, as_text, render

# `{id}`, and not a place as `{{id}}`.
_PARAMETER = re.compile(r"(?<!\{)\{([^{}]+)\}(?!\})")
# What parsers would drop, or refuse: written as it is in a path, meant as `%20`.
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\\s]")
_AUTHORITY = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


def is_whole(url: str) -> bool:
    """Whether it says where it goes by itself."""
    return url[:8].lower().startswith(("http://", "https://"))


def joined(base: str | None, url: str) -> str:
    """The URL, or the path below the base, whose own path stays. Raises BadInput where there is no base."""
    if is_whole(url):
        return url
    if not base:
        raise BadInput("The url is a path, and there is no base_url; set it in the environment or write the whole URL.")
    if not url or url[0] in "?#":
        return base + url
    return f"{base.rstrip('/')}/{url.lstrip('/')}"


def filled(template: str, parameters: Mapping[str, Any] | None, scope: Scope) -> str:
    """The url's template with its places filled in, and then `{id}` with the path parameters, quoted: what is put in
    by one is not looked at by the other."""
    if not parameters:
        return as_text(render(template, scope))
    made, at = [], 0
    for found in _PARAMETER.finditer(template):
        if found[1] in parameters:
            made += [as_text(render(template[at : found.start()], scope)), quote(plain(parameters[found[1]]), safe="")]
            at = found.end()
    return "".join((*made, as_text(render(template[at:], scope))))


def whole(base: str | None, url: str, query: Mapping[str, Any] | None, more: tuple[str, str] | None = None) -> str:
    """The URL with its query; `more` is one parameter of an API key. A list is sent as several, null is left out."""
    url = joined(base, url)
    pairs = [(name, plain(one)) for name, value in (query or {}).items() for one in _each(value)]
    if more:
        pairs.append(more)
    if pairs:
        url, hash_sign, fragment = url.partition("#")
        url += ("&" if "?" in url else "?") + urlencode(pairs, quote_via=quote) + hash_sign + fragment
    if _UNSAFE.search(url):
        host = _AUTHORITY.match(url)
        at = host.end() if host else 0
        url = url[:at] + _UNSAFE.sub(lambda found: quote(found[0]), url[at:])
    return url


def form(values: Mapping[str, Any]) -> bytes:
    """The body of a form."""
    return urlencode([(name, plain(one)) for name, value in values.items() for one in _each(value)]).encode()


def plain(value: Any) -> str:
    """A value as queries and forms have it."""
    return value if isinstance(value, str) else as_text(value)


def _each(value: Any) -> list[Any]:
    return [one for one in (value if isinstance(value, list) else [value]) if one is not None]
