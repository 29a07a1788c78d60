"""From claimed deliveries to what an attempt needs: address, body, keys. What cannot be packed says why."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from infra import db
from infra.errors import SwitchyardError
from workers.webhooks import message
from workers.webhooks.attempt import Parcel
from workers.webhooks.claiming import Claimed
from workers.webhooks.signing import signer

FULL_AT_ONCE = 10

EVENT_GONE = "The event is not kept any more."
OBJECT_GONE = "What the event is about is not kept any more."
OUR_FAULT = "The delivery could not be prepared because of an error inside Switchyard."

log = structlog.get_logger(__name__)


def portions(claimed: Sequence[Claimed]) -> Iterator[list[Claimed]]:
    """The deliveries in portions: first all that need nothing but their event, then the others, few at once, since
    bodies with jobs in them may have megabytes each."""
    full = [one for one in claimed if message.is_full(one)]
    thin = [one for one in claimed if not message.is_full(one)]
    if thin:
        yield thin
    for start in range(0, len(full), FULL_AT_ONCE):
        yield full[start : start + FULL_AT_ONCE]


def pack(claimed: Sequence[Claimed]) -> list[Parcel]:
    """A portion, packed; raises only what says that the database is away."""
    try:
        bodies = _bodies(claimed)
    except (OperationalError, InterfaceError, PoolTimeout):
        raise
    except Exception:
        log.exception("webhooks.packing_failed")
        return [_unpacked(one, OUR_FAULT) for one in claimed]
    return [_parcel(one, bodies) for one in claimed]


def _bodies(claimed: Sequence[Claimed]) -> Mapping[UUID, bytes]:
    if not message.is_full(claimed[0]):
        return message.thin_bodies(claimed)
    with db.transaction() as session:
        return message.full_bodies(session, claimed)


def _parcel(one: Claimed, bodies: Mapping[UUID, bytes]) -> Parcel:
    body, url = bodies.get(one.event_id), one.url or one.receiver.url
    if body is None or url is None:
        return _unpacked(one, EVENT_GONE if one.data is None else OBJECT_GONE, lost=True)
    try:
        return Parcel(one, url, body, signer(one.receiver))
    except SwitchyardError as error:
        return _unpacked(one, error.detail)


def _unpacked(one: Claimed, problem: str, *, lost: bool = False) -> Parcel:
    return Parcel(one, "", b"", None, problem, lost)
