"""References: found by pointer, `$id` and `$anchor`, within one document, the files of a zip, and what was fetched.

Nothing is expanded, and nothing is opened here: what was not given is not there.
"""

from collections.abc import Callable, Collection
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urljoin

from infra.errors import BadInput
from workers.specs.notes import At, Notes
from workers.specs.reading import read

MOST_HOPS = 50
MOST_DOCUMENTS = 20_000
_TEXTS = (".md", ".markdown", ".txt", ".html")
_REMOTE = ("http://", "https://")
# Reference Objects may say these anew (3.1).
_OVER = ("summary", "description")

Found = tuple[Any, At]


class Unresolved(Exception):
    """A reference that leads to nothing that may be read; `code` is the warning's."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Documents:
    """All documents of a specification, read when a reference first needs them.

    `fetch` gives the bytes of a URI that is there, `has` says which are. With `remote`, `missing` gathers those of
    elsewhere that are not, for whoever may fetch them and has not `given_up`.
    """

    def __init__(
        self,
        notes: Notes,
        root: str,
        has: Callable[[str], bool],
        fetch: Callable[[str], bytes],
        *,
        remote: bool = False,
        given_up: Collection[str] = (),
    ) -> None:
        self.notes, self.root, self._remote, self._given_up = notes, root, remote, given_up
        self.missing: set[str] = set()
        self._has, self._fetch = has, fetch
        self._documents: dict[str, Any] = {}
        self._with_ids: set[str] = set()
        self._resources: dict[str, Found] = {}
        self._anchors: dict[tuple[str, str], Found] = {}
        self._resolved: dict[tuple[str, str], Found | Unresolved] = {}
        self._hops = 0

    def document(self, uri: str) -> Found:
        """A whole document; raises Unresolved, and BadInput if it is the first one and cannot be read."""
        at = At(uri, uri)
        if uri not in self._documents:
            if not self._has(uri):
                raise self._absent(uri)
            if len(self._documents) >= MOST_DOCUMENTS:
                raise Unresolved("too_many_documents", f"More than {MOST_DOCUMENTS:,} files are not read.")
            if uri != self.root:
                self.notes.names[uri] = unquote(uri.removeprefix("file:///"))
            self._documents[uri] = self._load(uri, at)
        return self._documents[uri], at

    def resolve(self, reference: str, at: At) -> Found:
        """What a reference at a place means, and where that is; raises Unresolved."""
        key = (at.base, reference)
        found = self._resolved.get(key)
        if found is None:
            # Whoever comes back here on the way goes in a circle.
            self._resolved[key] = Unresolved("circular_reference", f"{_shown(reference)} leads back to itself.")
            self._hops += 1
            try:
                found = self._find(reference, at)
            except Unresolved as error:
                found = error
            finally:
                self._hops -= 1
            self._resolved[key] = found
        if isinstance(found, Unresolved):
            raise found
        return found

    def followed(self, value: Any, at: At) -> Found:
        """The object that a value is or refers to, through all references; None, with a warning, if that is nothing."""
        over: dict[str, Any] = {}
        seen: set[tuple[str, str]] = set()
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            reference = value["$ref"]
            over = {**{name: value[name] for name in _OVER if isinstance(value.get(name), str)}, **over}
            if (at.base, reference) in seen or len(seen) > MOST_HOPS:
                self.notes.add(at, "circular_reference", f"The reference {_shown(reference)} leads back to itself.")
                return None, at
            seen.add((at.base, reference))
            try:
                value, at = self.resolve(reference, at)
            except Unresolved as error:
                self.notes.add(at, error.code, str(error))
                return None, at
        return ({**value, **over} if over and isinstance(value, dict) else value), at

    def _load(self, uri: str, at: At) -> Any:
        raw = self._fetch(uri)
        if PurePosixPath(uri).suffix.lower() in _TEXTS:
            return raw.decode(errors="replace")
        try:
            data = read(raw, self.notes, at)
        except BadInput as error:
            if uri == self.root:
                raise
            raise Unresolved("unreadable_document", f"{self.notes.names[uri]} cannot be read: {error.detail}") from None
        if any(keyword in raw for keyword in (b"$id", b"$anchor", b"$dynamicAnchor")):
            self._with_ids.add(uri)
            self._index(data, at)
        return data

    def _index(self, data: Any, at: At) -> None:
        """Remembers what `$id` and `$anchor` name."""
        waiting: list[Found] = [(data, at)]
        while waiting:
            value, here = waiting.pop()
            if isinstance(value, dict):
                here = within(value, here)
                if here.base != at.document and isinstance(value.get("$id"), str):
                    self._resources.setdefault(here.base, (value, here))
                for keyword in ("$anchor", "$dynamicAnchor"):
                    if isinstance(value.get(keyword), str):
                        self._anchors.setdefault((here.base, value[keyword]), (value, here))
                waiting += [(one, here / key) for key, one in value.items() if isinstance(one, dict | list)]
            else:
                waiting += [(one, here / str(i)) for i, one in enumerate(value) if isinstance(one, dict | list)]

    def _find(self, reference: str, at: At) -> Found:
        if self._hops > MOST_HOPS:
            raise Unresolved("circular_reference", f"More than {MOST_HOPS} references lead on from one another.")
        uri, _, fragment = reference.partition("#")
        base = at.base if not uri else _joined(at.base, uri)
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            if (base, fragment) not in self._anchors and base not in self._resources:
                self.document(base)
            if (base, fragment) in self._anchors:
                return self._anchors[base, fragment]
            raise Unresolved("unresolved_reference", f"There is no anchor {_shown(reference)}.")
        starts = [self._resources[base]] if base in self._resources else []
        if base not in self._resources or (not uri and base != at.document):
            starts.append(self.document(at.document if base in self._resources else base))
        for start in starts:
            found = self._walk(start, fragment)
            if found is not None:
                return found
        raise Unresolved("unresolved_reference", f"There is nothing at {_shown(reference)}.")

    def _walk(self, start: Found, fragment: str) -> Found | None:
        value, at = start
        for step in fragment.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and step not in value and isinstance(value.get("$ref"), str):
                value, at = self.resolve(value["$ref"], at)
            if isinstance(value, dict) and step in value:
                value, at = value[step], at / step
            elif isinstance(value, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(value):
                value, at = value[int(step)], at / step
            else:
                return None
            if at.document in self._with_ids and isinstance(value, dict):
                at = within(value, at)
        return value, at

    def _absent(self, uri: str) -> Unresolved:
        shown = _shown(uri.removeprefix("file:///"))
        if uri.startswith(_REMOTE):
            if self._remote:
                self.missing |= {uri} - set(self._given_up)
                return Unresolved("unresolved_reference", f"{shown} could not be fetched.")
            return Unresolved(
                "external_reference", f"{shown} is another document, which is not fetched without allow_remote_refs."
            )
        if self.root.startswith("file:///document"):
            return Unresolved("external_reference", f"{shown} is another file; upload all of them as one zip.")
        return Unresolved("unresolved_reference", f"There is no file {shown}.")


def within(value: dict[str, Any], at: At) -> At:
    """The place of an object, with the base that its own `$id` sets."""
    own = value.get("$id")
    return at.based(_joined(at.base, own)) if isinstance(own, str) and own and not own.startswith("#") else at


def _joined(base: str, uri: str) -> str:
    """The URI that a relative one means, without a fragment and in one spelling."""
    try:
        joined = urljoin(base, uri).partition("#")[0]
    except ValueError:
        raise Unresolved("unresolved_reference", f"{_shown(uri)} is no URI.") from None
    return quote(unquote(joined), safe="/:?&=@+$,;!*'()[]~") if joined.startswith("file:") else joined


def _shown(reference: str) -> str:
    return reference if len(reference) <= 200 else f"{reference[:200]}…"
