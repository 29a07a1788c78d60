"""One attempt to deliver: a signed POST, and what the receiver said to it."""

import math
import time
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import structlog

from infra.clock import now, rfc3339
from infra.errors import SwitchyardError
from infra.http import Answer, GuardedClient
from infra.settings import settings
from workers.webhooks.claiming import Claimed
from workers.webhooks.signing import Signer

KEPT_BYTES = 1024
RETRY_AFTER_AT_MOST_SECONDS = 24 * 3600.0
GONE = 410

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed delivery with all that its attempt needs. `problem` is why it cannot be attempted, and `lost` whether
    that is for good: its event is gone."""

    claimed: Claimed
    url: str
    body: bytes
    signer: Signer | None
    problem: str | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """How an attempt went. `error` None: it is delivered. `ours`: the receiver has nothing to do with the failure."""

    at: datetime
    milliseconds: int | None
    status: int | None
    error: str | None
    body: str | None = None
    retry_after: float = 0.0
    ours: bool = False

    def entry(self) -> dict[str, object]:
        """What the delivery's log keeps."""
        return {
            "at": rfc3339(self.at),
            "milliseconds": self.milliseconds,
            "status": self.status,
            "error": self.error,
            "body": self.body,
        }


async def attempt(client: GuardedClient, parcel: Parcel) -> Said:
    """Sends it; raises nothing but CancelledError."""
    at, begun = now(), time.monotonic()
    if parcel.problem is not None or parcel.signer is None:
        return Said(at, None, None, parcel.problem, ours=True)
    headers = parcel.signer.sign(parcel.claimed.event_id, int(at.timestamp()), parcel.body)
    seconds = settings().webhook_timeout_seconds
    try:
        answer = await client.request(
            "POST", parcel.url, headers=headers, body=parcel.body, seconds=seconds, at_most=KEPT_BYTES, cut=True
        )
    except SwitchyardError as error:
        return Said(at, _since(begun), None, error.detail)
    except Exception:
        log.exception("webhook.attempt_crashed", delivery_id=parcel.claimed.id)
        return Said(at, _since(begun), None, "The attempt failed because of an error inside Switchyard.", ours=True)
    return Said(
        at,
        _since(begun),
        answer.status,
        _complaint(answer.status),
        answer.body.decode("utf-8", "replace").replace("\0", ""),
        _retry_after(answer),
    )


def _since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


def _complaint(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return (
            f"The receiver answered {status}, a redirect, which is not followed; give the endpoint its final address."
        )
    if status == GONE:
        return "The receiver answered 410: it wants no more deliveries."
    return f"The receiver answered {status}."


def _retry_after(answer: Answer) -> float:
    """Seconds, from a number or a date."""
    value = answer.headers.get("Retry-After", "").strip()
    if not value or _complaint(answer.status) is None:
        return 0.0
    try:
        wait = float(value) if value.isascii() and value.isdigit() else _until(value)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(wait, 0.0), RETRY_AFTER_AT_MOST_SECONDS) if math.isfinite(wait) else 0.0


def _until(date: str) -> float:
    return (parsedate_to_datetime(date) - now()).total_seconds()
