"""What a client must show to call an operation.

`security` is a list of alternatives, each a set of schemes with scopes; none, or an empty one, lets everybody in. A
former alternative still works if some new one asks for no more than it.
"""

from collections.abc import Callable, Iterator
from typing import Any

from workers.specs.rules.base import Found, Json, Level, Pair, Rule, Spot, items, listed, mapping, shown, step

SPOTS = (Spot.SECURITY,)
Alternative = dict[str, frozenset[str]]  # scopes by scheme

STAY_OPEN = "Go on answering without it, or ask for it in a new version of the operation only."
STAY_LET_IN = "Go on taking the scheme until no client uses it."
SAME_SCOPES = "Accept the scopes that were enough, or give them to the tokens that are in use first."
SAME_SCHEME = "Offer the new way beside the former one, under a name of its own."
REDIRECT = "Keep the former address, or redirect from it."

FLOW_URLS = ("authorizationUrl", "tokenUrl", "refreshUrl")


def alternatives(record: Json) -> list[Alternative]:
    """The ways in; one that asks for nothing where everybody may call."""
    found = [
        {name: frozenset(str(scope) for scope in items(scopes)) for name, scopes in one.items()}
        for one in items(record.get("security"))
        if isinstance(one, dict)
    ]
    return found or [{}]


def satisfied(new: Alternative, old: Alternative) -> bool:
    """Whether who came in by the old alternative comes in by the new one."""
    return all(name in old and scopes <= old[name] for name, scopes in new.items())


def _sides(pair: Pair) -> Iterator[tuple[list[Alternative], list[Alternative]]]:
    if pair.before is not None and pair.after is not None:
        yield alternatives(pair.before), alternatives(pair.after)


def _shut_out(before: list[Alternative], after: list[Alternative]) -> list[Alternative]:
    return [old for old in before if not any(satisfied(new, old) for new in after)]


def _said(alternative: Alternative) -> str:
    names = [f"{name} ({', '.join(sorted(scopes))})" if scopes else name for name, scopes in alternative.items()]
    return " and ".join(names) or "nothing"


def _at(pair: Pair) -> tuple[str, str]:
    sides = ((pair.at_before, pair.before), (pair.at_after, pair.after))
    one, other = (step(at, "security") if "security" in mapping(record) else at for at, record in sides)
    return one, other


def _asked_for_more(old: Alternative, after: list[Alternative]) -> Alternative | None:
    """The new alternative that has all the schemes of the old one, and others besides."""
    return next((new for new in after if old.keys() < new.keys()), None)


def _same_schemes(old: Alternative, after: list[Alternative]) -> Alternative | None:
    return next((new for new in after if old.keys() == new.keys() and old), None)


def _added(pair: Pair) -> Iterator[Found]:
    for before, after in _sides(pair):
        lost = [
            old for old in _shut_out(before, after) if not _same_schemes(old, after) and _asked_for_more(old, after)
        ]
        if lost:
            yield Found({"after": listed([_said(new) for new in after])}, *_at(pair))


def _removed(pair: Pair) -> Iterator[Found]:
    for before, after in _sides(pair):
        lost = [
            old for old in _shut_out(before, after) if not (_same_schemes(old, after) or _asked_for_more(old, after))
        ]
        if lost:
            yield Found({"before": listed([_said(old) for old in lost])}, *_at(pair))


def _alternative_added(pair: Pair) -> Iterator[Found]:
    for before, after in _sides(pair):
        new = [one for one in after if one not in before and not any(old.keys() == one.keys() for old in before)]
        if new and not _shut_out(before, after):
            yield Found({"after": listed([_said(one) for one in new])}, *_at(pair))


def _scopes(*, more: bool) -> Callable[[Pair], Iterator[Found]]:
    def find(pair: Pair) -> Iterator[Found]:
        for before, after in _sides(pair):
            lost = _shut_out(before, after) if more else [old for old in before if old not in after]
            for old in lost:
                new = _same_schemes(old, after)
                for name in new or ():
                    one, other = (new[name], old[name]) if more else (old[name], new[name])  # type: ignore[index]
                    if one - other:
                        yield Found({"scopes": listed(sorted(one - other)), "name": shown(name)}, *_at(pair))

    return find


def _schemes(pair: Pair) -> Iterator[tuple[str, Json, Json]]:
    """The schemes that both sides use."""
    one, other = (mapping(mapping(record).get("security_schemes")) for record in (pair.before, pair.after))
    for name in sorted(one.keys() & other.keys()):
        yield name, mapping(one[name]), mapping(other[name])


def _scheme_at(pair: Pair, name: str) -> tuple[str, str]:
    one, other = (step(step(at, "security_schemes"), name) for at in (pair.at_before, pair.at_after))
    return one, other


def _way(scheme: Json) -> str:
    """How a scheme is shown: its type, and where or how."""
    kind = scheme.get("type")
    more = {"apiKey": ("in", "name"), "http": ("scheme",)}.get(kind if isinstance(kind, str) else "", ())
    return " ".join(str(part) for part in (kind, *(scheme.get(name) for name in more)) if part is not None).lower()


def _type_changed(pair: Pair) -> Iterator[Found]:
    for name, before, after in _schemes(pair):
        if _way(before) != _way(after):
            values = {"name": shown(name), "before": shown(_way(before)), "after": shown(_way(after))}
            yield Found(values, *_scheme_at(pair, name))


def _flows(before: Json, after: Json) -> Iterator[tuple[str, Json, Json]]:
    one, other = mapping(before.get("flows")), mapping(after.get("flows"))
    for flow in sorted(one.keys() & other.keys()):
        yield flow, mapping(one[flow]), mapping(other[flow])


def _url(field: str) -> Callable[[Pair], Iterator[Found]]:
    def find(pair: Pair) -> Iterator[Found]:
        for name, before, after in _schemes(pair):
            for _, one, other in _flows(before, after):
                if one.get(field) and one.get(field) != other.get(field):
                    values: dict[str, Any] = {"before": shown(one[field]), "after": shown(other.get(field))}
                    yield Found({"name": shown(name), **values}, *_scheme_at(pair, name))

    return find


def _flow_scopes(pair: Pair) -> Iterator[Found]:
    for name, before, after in _schemes(pair):
        for _, one, other in _flows(before, after):
            gone = mapping(one.get("scopes")).keys() - mapping(other.get("scopes")).keys()
            if gone:
                yield Found({"name": shown(name), "scopes": listed(sorted(gone))}, *_scheme_at(pair, name))


def _flow_gone(pair: Pair) -> Iterator[Found]:
    for name, before, after in _schemes(pair):
        gone = mapping(before.get("flows")).keys() - mapping(after.get("flows")).keys()
        if gone:
            yield Found({"name": shown(name), "flows": listed(sorted(gone))}, *_scheme_at(pair, name))


RULES: tuple[Rule, ...] = (
    Rule(
        "api-security-added",
        Level.ERROR,
        SPOTS,
        "{place} needs {after}, and could be called with less.",
        STAY_OPEN,
        _added,
    ),
    Rule("api-security-removed", Level.ERROR, SPOTS, "{place} is no longer open to {before}.", STAY_LET_IN, _removed),
    Rule(
        "api-security-alternative-added",
        Level.INFO,
        SPOTS,
        "{place} may also be called with {after}.",
        "Nothing.",
        _alternative_added,
    ),
    Rule(
        "api-security-scope-added",
        Level.ERROR,
        SPOTS,
        "{place} also needs the scopes {scopes} of {name}.",
        SAME_SCOPES,
        _scopes(more=True),
    ),
    Rule(
        "api-security-scope-removed",
        Level.INFO,
        SPOTS,
        "{place} no longer needs the scopes {scopes} of {name}.",
        "Nothing.",
        _scopes(more=False),
    ),
    Rule(
        "api-security-component-type-changed",
        Level.ERROR,
        SPOTS,
        "The security scheme {name} is {after} instead of {before}.",
        SAME_SCHEME,
        _type_changed,
    ),
    Rule(
        "api-security-component-oauth-url-changed",
        Level.WARNING,
        SPOTS,
        "Users of the security scheme {name} are asked at {after} instead of {before}.",
        REDIRECT,
        _url("authorizationUrl"),
    ),
    Rule(
        "api-security-component-oauth-token-url-changed",
        Level.WARNING,
        SPOTS,
        "Tokens of the security scheme {name} come from {after} instead of {before}.",
        REDIRECT,
        _url("tokenUrl"),
    ),
    Rule(
        "api-security-component-oauth-scope-removed",
        Level.WARNING,
        SPOTS,
        "The security scheme {name} no longer offers the scopes {scopes}.",
        STAY_LET_IN,
        _flow_scopes,
    ),
    Rule(
        "api-security-component-oauth-flow-removed",
        Level.ERROR,
        SPOTS,
        "The security scheme {name} no longer offers the flows {flows}.",
        STAY_LET_IN,
        _flow_gone,
    ),
)
