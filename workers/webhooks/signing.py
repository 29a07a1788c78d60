"""What proves to a receiver that a delivery is ours: Standard Webhooks, version 1.

`webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; while a secret is being replaced,
one more under the old one. `webhook-id` is the event's, so a receiver that gets it twice sees that it did.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from infra import ids
from infra.version import version
from workers.webhooks import secrets
from workers.webhooks.claiming import Receiver

CACHED_AT_MOST = 2048
USER_AGENT = f"Switchyard/{version()} (webhooks)"


@dataclass(frozen=True, slots=True)
class Signer:
    """A receiver's unsealed keys, the newest first, and its own headers."""

    keys: tuple[bytes, ...] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    def sign(self, event_id: UUID, moment: int, body: bytes) -> dict[str, str]:
        """The headers of an attempt at that moment (seconds since 1970)."""
        name = ids.show("evt", event_id)
        message = b"%s.%d.%s" % (name.encode(), moment, body)
        signatures = [f"v1,{b64encode(hmac.digest(key, message, 'sha256')).decode()}" for key in self.keys]
        return {
            **self.headers,
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "webhook-id": name,
            "webhook-timestamp": str(moment),
            "webhook-signature": " ".join(signatures),
        }


def signer(receiver: Receiver) -> Signer:
    """The receiver's signer; raises SecretUnreadable or EncryptionNotConfigured."""
    sealed = (receiver.secret,) if receiver.old_secret is None else (receiver.secret, receiver.old_secret)
    return Signer(tuple(_key(receiver.id, one) for one in sealed), _headers(receiver.id, receiver.headers))


OURS = frozenset(Signer((), {}).sign(UUID(int=0), 0, b""))


# Keyed by the sealed bytes, which change with what is in them.
@lru_cache(CACHED_AT_MOST)
def _key(endpoint_id: UUID, sealed: bytes) -> bytes:
    return secrets.key_of(secrets.open_secret(endpoint_id, sealed))


@lru_cache(CACHED_AT_MOST)
def _headers(endpoint_id: UUID, sealed: bytes | None) -> Mapping[str, str]:
    own = secrets.open_headers(endpoint_id, sealed)
    return {name: value for name, value in own.items() if name.lower() not in OURS}
