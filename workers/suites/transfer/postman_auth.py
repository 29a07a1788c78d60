"""Postman's ways to authenticate, as named ones of an environment; what is secret in them is never kept in the open."""

from typing import Any

from infra import json
from workers.suites.transfer.imported import Imported
from workers.suites.transfer.postman_names import Names, used

Json = dict[str, Any]

CREDENTIALS = {
    "bearer": ("token",), "basic": ("password",), "apikey": ("value",), "oauth2": ("clientSecret", "accessToken")
}  # fmt: skip


def fields_of(auth: Any) -> Json:
    """What it says: a list of key and value (2.1), or an object (2.0)."""
    kind = auth.get("type") if isinstance(auth, dict) else None
    said = auth.get(kind) if isinstance(kind, str) else None
    if isinstance(said, list):
        return {str(one.get("key")): one.get("value") for one in said if isinstance(one, dict)}
    return said if isinstance(said, dict) else {}


def credentials_used(auth: Any) -> set[str]:
    """The variables that it takes what is secret from."""
    if not isinstance(auth, dict):
        return set()
    said = fields_of(auth)
    return {name for one in CREDENTIALS.get(str(auth.get("type")), ()) for name in used(said.get(one))}


class Auths:
    """The ways to authenticate of one collection, each once."""

    def __init__(self, found: Imported, names: Names) -> None:
        self._found, self._names = found, names
        self._known: dict[str, str] = {}
        self.by_name: Json = {}

    def named(self, auth: Any, place: str) -> str | bool | None:
        """The name in the environment; False for none, None where there is nothing to inherit."""
        if not isinstance(auth, dict) or not isinstance(auth.get("type"), str):
            return None
        if auth["type"] == "noauth":
            return False
        made = self._made(auth["type"], fields_of(auth), place)
        if made is None:
            self._found.warn(place, f"Authentication by {auth['type']!r} is not known here; the step sends none.")
            return False
        key = json.dumps(made)
        if key not in self._known:
            name, number = made["type"], 2
            while name in self.by_name:
                name, number = f"{made['type']}_{number}", number + 1
            self._known[key], self.by_name[name] = name, made
        return self._known[key]

    def _made(self, kind: str, said: Json, place: str) -> Json | None:
        def text(name: str) -> str:
            return self._names.text(str(said.get(name) or ""), place)

        def secret(name: str, called: str) -> str:
            return self._names.secret(said.get(name), called, place)

        if kind == "bearer":
            return {"type": "bearer", "token": secret("token", "token")}
        if kind == "basic":
            return {"type": "basic", "username": text("username"), "password": secret("password", "password")}
        if kind == "apikey":
            where = said.get("in") if said.get("in") in ("header", "query") else "header"
            name = text("key") or "X-Api-Key"
            return {"type": "api_key", "name": name, "value": secret("value", "api_key"), "in": where}
        if kind != "oauth2":
            return None
        if said.get("grant_type") == "client_credentials" and said.get("accessTokenUrl") and said.get("clientId"):
            made = {"type": "oauth2", "token_url": text("accessTokenUrl"), "client_id": text("clientId")}
            scopes = text("scope").split()
            return {
                **made,
                "client_secret": secret("clientSecret", "client_secret"),
                **({"scopes": scopes} if scopes else {}),
                "client_auth": "body" if said.get("client_authentication") == "body" else "basic",
            }
        self._found.warn(place, "Of OAuth 2 only client credentials are done here; a token is expected as a secret.")
        return {"type": "bearer", "token": secret("accessToken", "access_token")}
