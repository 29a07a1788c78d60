"""Who is connected to this process over Socket.IO, and what each of them follows.

A client shows its key in the handshake, then subscribes to rooms (api/socket_rooms.py). Each room is a task of its own
on the hub. A key that is revoked or expires ends its connections.
"""

import asyncio
from contextlib import aclosing, suppress
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from socketio.exceptions import ConnectionRefusedError as Refused
from sqlalchemy.exc import SQLAlchemyError

from api.auth import bearer, count, identify_token
from api.body import loaded
from api.hub import hub
from api.socket_engine import Engine
from api.socket_rooms import Room, find, name_of
from infra import db, handoff, signals
from infra.clock import now
from infra.errors import BadInput, Conflict, NotFound, SwitchyardError, Unauthenticated, Unavailable
from infra.process import PerProcess
from schemas.socket import SocketAuth, Subscribe, Unsubscribe
from workers.identity.keys import Principal, usable_keys
from workers.kinds.aliases import alias

Json = dict[str, Any]

SCOPE = "jobs:read"
ROOMS_AT_MOST = 1_000
# A revocation is heard of at once over Redis; this often they look themselves.
LOOK_AT_KEYS_SECONDS = 30.0
WITHOUT_DATABASE_SECONDS = 1.0
AUTH, SUBSCRIBE, UNSUBSCRIBE = SocketAuth(), Subscribe(), Unsubscribe()

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Client:
    """A connection with a key, and the rooms it follows."""

    sid: str
    eio_sid: str
    principal: Principal
    aliases: bool
    rooms: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)


class Clients:
    """All of them, and the engine that they are on."""

    def __init__(self) -> None:
        self.engine = Engine()
        self._clients: dict[str, Client] = {}
        self._look_at_keys = asyncio.Event()
        self._key_changes = 0
        self.engine.on("connect", self._connect)
        self.engine.on("disconnect", self._disconnect)
        self.engine.on("subscribe", self._subscribe)
        self.engine.on("unsubscribe", self._unsubscribe)
        self.engine.on("*", self._unknown)
        hub().on_signal(signals.KEYS_CHANGED, self._keys_changed)
        # Without the context of the first request, which it would keep for good.
        hub().loop.call_soon_threadsafe(lambda: hub().always(self._guard()), context=Context())
        handoff.on_exit(lambda: hub().start(self.engine.close()), lambda: None)

    async def _connect(self, sid: str, environ: Json, auth: Any) -> bool:
        """The handshake: a key in `auth.token`, or in the Authorization header of the first request."""
        key_changes = self._key_changes
        try:
            given = loaded(AUTH, {} if auth is None else auth, "handshake's auth")
            header = f"Bearer {given['token']}" if "token" in given else environ.get("HTTP_AUTHORIZATION", "")
            principal = await hub().read(partial(_identify, bearer(header), environ["HTTP_SWITCHYARD_CLIENT"]))
        except Exception as error:
            shown = refusal(error)
            raise Refused(shown["message"], shown) from None
        eio_sid = self.engine.manager.eio_sid_from_sid(sid, "/")
        if not self.engine.holds(eio_sid):
            return False
        self._clients[sid] = Client(sid, eio_sid, principal, given["aliases"])
        if key_changes != self._key_changes or principal.expires_at is not None:
            self._look_at_keys.set()
        return True

    def _disconnect(self, sid: str, _reason: str) -> None:
        client = self._clients.pop(sid, None)
        if client is not None:
            for task in client.rooms.values():
                task.cancel()
            self.engine.expect_key(client.eio_sid)

    async def _subscribe(self, sid: str, *given: Any) -> Json:
        try:
            client, wish = self._client(sid), loaded(SUBSCRIBE, _only(given), "subscription")
            room = await hub().read(partial(_find, client.principal, wish))
            await _leave(client, room.name)
            if len(client.rooms) >= ROOMS_AT_MOST:
                raise Conflict(f"One connection follows at most {ROOMS_AT_MOST} rooms; leave some, or open another.")
            self._client(sid).rooms[room.name] = hub().always(self._follow(client, room))
        except Exception as error:
            return {"ok": False, "error": refusal(error)}
        return {"ok": True, "room": room.name, "after": room.after}

    async def _unsubscribe(self, sid: str, *given: Any) -> Json:
        try:
            client = self._client(sid)
            name = name_of(client.principal, loaded(UNSUBSCRIBE, _only(given), "message"))
            if name not in client.rooms:
                raise NotFound("This connection does not follow that room.")
            await _leave(client, name)
        except Exception as error:
            return {"ok": False, "error": refusal(error)}
        return {"ok": True, "room": name}

    async def _unknown(self, event: str, _sid: str, *_given: Any) -> Json:
        error = NotFound(f"There is no event {event[:100]!r} to send; there are subscribe and unsubscribe.")
        return {"ok": False, "error": refusal(error)}

    def _client(self, sid: str) -> Client:
        """The client of that session, which may have lost its key a moment ago."""
        if sid not in self._clients:
            raise Unauthenticated
        return self._clients[sid]

    async def _follow(self, client: Client, room: Room) -> None:
        """Tells the client what happens in the room, and at last that nothing can any more."""
        ended: Json = {"room": room.name}
        while True:
            try:
                async with aclosing(room.events()) as events:  # type: ignore[type-var]
                    async for event in events:
                        second = alias(event["data"].get("kind") or room.kind, event["type"])
                        names = (event["type"], second) if second and client.aliases else (event["type"],)
                        await self._tell(client, event, *names)
                break
            except SQLAlchemyError as error:
                log.warning("sockets.database_unreachable", error=str(error).splitlines()[0])
                await asyncio.sleep(WITHOUT_DATABASE_SECONDS)
            except Exception as error:
                ended["error"] = refusal(error)
                break
        if not hub().closing:
            await self._tell(client, {**ended, "after": room.after}, "subscription.ended")
            client.rooms.pop(room.name, None)

    async def _tell(self, client: Client, what: Json, *names: str) -> None:
        """Sends it under these names, when the client has taken most of what was sent before."""
        async with client.sending:
            await self.engine.writable(client.eio_sid)
            for name in names:
                await self.engine.emit(name, what, to=client.sid)

    def _keys_changed(self) -> None:
        self._key_changes += 1
        self._look_at_keys.set()

    async def _guard(self) -> None:
        """Ends the connections of keys that are not good any more."""
        while True:
            ends = [client.principal.expires_at for client in self._clients.values() if client.principal.expires_at]
            seconds = min([LOOK_AT_KEYS_SECONDS, *((end - now()).total_seconds() for end in ends)])
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_at_keys.wait(), max(seconds, 0.05))
            self._look_at_keys.clear()
            try:
                await self._end_unusable()
            except Exception as error:
                log.warning("sockets.keys_unknown", error=str(error).splitlines()[0])
                await asyncio.sleep(WITHOUT_DATABASE_SECONDS)
                self._look_at_keys.set()

    async def _end_unusable(self) -> None:
        shown = {client.principal.id for client in self._clients.values()}
        usable = await hub().read(partial(_usable, shown)) if shown else set()
        error = refusal(Unauthenticated("This API key is revoked or has expired."))
        for client in list(self._clients.values()):
            if client.principal.id in shown - usable:
                await self.engine.emit("connection.ended", error, to=client.sid)
                await self.engine.disconnect(client.sid)


def _identify(token: str | None, address: str) -> Principal:
    with db.transaction() as session:
        return identify_token(session, token, SCOPE, address)[0]


def _find(principal: Principal, wish: Json) -> Room:
    count(principal)
    with db.transaction() as session:
        return find(session, principal, wish)


def _usable(key_ids: set[Any]) -> set[Any]:
    with db.transaction() as session:
        return usable_keys(session, key_ids)


def _only(given: tuple[Any, ...]) -> Any:
    if len(given) != 1:
        raise BadInput("Send one object with the event.")
    return given[0]


async def _leave(client: Client, name: str) -> None:
    """Stops following; nothing of that room is sent afterwards."""
    task = client.rooms.pop(name, None)
    if task is not None:
        task.cancel()
        await asyncio.wait([task])


def refusal(error: Exception) -> Json:
    """What a client is told of a failure: `{"code", "message"}`, where there are `errors` and `retry_after`, too."""
    if isinstance(error, SQLAlchemyError):
        error = Unavailable("The database does not answer; try again in a moment.")
    elif not isinstance(error, SwitchyardError):
        log.error("sockets.failed", exc_info=error)
        error = SwitchyardError("Something went wrong inside Switchyard; its log says what.")
    shown: Json = {"code": error.code, "message": error.detail}
    if error.errors:
        shown["errors"] = error.errors
    if error.retry_after is not None:
        shown["retry_after"] = error.retry_after
    return shown


# This process's clients.
clients = PerProcess(Clients)
