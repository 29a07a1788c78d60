"""What an endpoint keeps sealed: the secrets that sign its deliveries, and the headers it wants sent with them.

A secret is text as Standard Webhooks writes it: `whsec_` and the base64 of 24 to 64 bytes. Headers are a JSON object.
"""

import base64
import binascii
import os
from uuid import UUID

from infra import crypto, ids, json
from infra.errors import BadInput
from models import WebhookEndpoint

PREFIX = "whsec_"
AT_LEAST, AT_MOST = 24, 64
NEW_BYTES = 32


def new_secret() -> str:
    """A fresh secret."""
    return PREFIX + base64.b64encode(os.urandom(NEW_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that sign; raises BadInput at `/secret` for what Standard Webhooks libraries would not take."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = None
    if key is None or not secret.startswith(PREFIX):
        problem = f"Must be {PREFIX} and base64, as in {PREFIX}MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw."
    elif not AT_LEAST <= len(key) <= AT_MOST:
        problem = f"Has {len(key)} bytes after decoding; {AT_LEAST} to {AT_MOST} are allowed."
    else:
        return key
    raise BadInput("The secret cannot be used.", errors=[{"pointer": "/secret", "detail": problem}])


def seal_secret(endpoint_id: UUID, secret: str) -> bytes:
    """The secret as the endpoint's row keeps it; raises EncryptionNotConfigured."""
    return crypto.seal(secret, owner=_owner(endpoint_id))


def open_secret(endpoint_id: UUID, sealed: bytes) -> str:
    """`whsec_…`; raises SecretUnreadable or EncryptionNotConfigured."""
    return crypto.open_sealed(sealed, owner=_owner(endpoint_id)).decode()


def seal_headers(endpoint_id: UUID, headers: dict[str, str]) -> bytes | None:
    """Headers by name as the endpoint's row keeps them; none are null."""
    return crypto.seal(json.dump_bytes(headers), owner=_owner(endpoint_id)) if headers else None


def open_headers(endpoint_id: UUID, sealed: bytes | None) -> dict[str, str]:
    """The endpoint's own headers by name; raises SecretUnreadable or EncryptionNotConfigured."""
    if sealed is None:
        return {}
    found: dict[str, str] = json.loads(crypto.open_sealed(sealed, owner=_owner(endpoint_id)))
    return found


def _owner(endpoint_id: UUID) -> str:
    return ids.show(WebhookEndpoint.prefix, endpoint_id)
