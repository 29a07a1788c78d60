"""How steps authenticate: with what the environment has for the security schemes of an operation."""

from dataclasses import dataclass
from typing import Any

from workers.suites.generating.operations import Operation

Json = dict[str, Any]


@dataclass(frozen=True)
class Credentials:
    """The environment's ways to authenticate by name, without their secrets: type, and name and place of keys."""

    named: dict[str, Json]
    default: str | None

    def of(self, operation: Operation) -> Any:
        """What a step says for `auth`; None: nothing, so that the environment's default is taken."""
        schemes = operation.record.get("security_schemes") or {}
        ways = [one[0] for one in operation.security if len(one) == 1]
        if not ways or any(self._fits(self.default, schemes.get(way), way) for way in ways):
            return None
        for way in ways:
            found = way if way in self.named else next(
                (name for name in sorted(self.named) if self._fits(name, schemes.get(way), way)), None
            )  # fmt: skip
            if found is not None:
                return found
        return None

    def others(self, operation: Operation) -> list[str]:
        """Those that are for other schemes than the operation's."""
        schemes = operation.record.get("security_schemes") or {}
        ways = [way for one in operation.security for way in one]
        return [name for name in sorted(self.named) if not any(self._fits(name, schemes.get(way), way) for way in ways)]

    def _fits(self, name: str | None, scheme: Json | None, way: str) -> bool:
        auth = self.named.get(name) if name is not None else None
        if auth is None:
            return False
        if name == way or scheme is None:
            return name == way
        kind, given = scheme.get("type"), auth.get("type")
        if kind == "apiKey":
            same = str(auth.get("name")).lower() == str(scheme.get("name")).lower()
            return given == "api_key" and same and auth.get("in", "header") == scheme.get("in", "header")
        if kind == "http" and str(scheme.get("scheme")).lower() == "basic":
            return given == "basic"
        return kind in ("http", "oauth2", "openIdConnect") and given in ("bearer", "oauth2")


def wrong(operation: Operation) -> Json | None:
    """Headers or query with credentials of the right kind that nobody has; None for a kind that cannot be made up."""
    schemes = operation.record.get("security_schemes") or {}
    for way in operation.security:
        scheme = schemes.get(way[0]) if way else None
        if scheme is None:
            continue
        if scheme.get("type") == "apiKey" and scheme.get("in") in ("header", "query"):
            return {"headers" if scheme["in"] == "header" else "query": {str(scheme.get("name")): "not-a-valid-key"}}
        if scheme.get("type") == "apiKey":
            return {"headers": {"Cookie": f"{scheme.get('name')}=not-a-valid-key"}}
        if str(scheme.get("scheme")).lower() == "basic":
            return {"headers": {"Authorization": "Basic bm9ib2R5Ondyb25n"}}
        return {"headers": {"Authorization": "Bearer not-a-valid-token"}}
    return None
