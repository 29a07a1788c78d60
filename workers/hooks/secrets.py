"""A hook's secret: given by the sender or made here, strong enough, and kept sealed."""

import base64
import os
from datetime import datetime
from typing import NoReturn

from infra import crypto
from infra.errors import BadInput
from models import Hook, SignatureScheme
from workers.webhooks import secrets as webhook_secrets

AT_LEAST_BYTES = 16
NEW_BYTES = 32
STRIPE_PREFIX = "whsec_"


def new_secret(scheme: str) -> str:
    """A fresh secret as the scheme's senders write it."""
    if scheme == SignatureScheme.STANDARD_WEBHOOKS:
        return webhook_secrets.new_secret()
    text = base64.urlsafe_b64encode(os.urandom(NEW_BYTES)).decode().rstrip("=")
    return STRIPE_PREFIX + text if scheme == SignatureScheme.STRIPE else text


def require_strength(scheme: str, secret: str) -> None:
    """Raises BadInput at `/secret` for one that is too short, or not as the scheme's secrets are."""
    if scheme == SignatureScheme.STANDARD_WEBHOOKS:
        webhook_secrets.key_of(secret)
        return
    prefix = STRIPE_PREFIX if scheme == SignatureScheme.STRIPE else ""
    if not secret.startswith(prefix):
        _refuse(f"Must be Stripe's signing secret, which begins with {prefix}.")
    if len(secret.removeprefix(prefix).encode()) < AT_LEAST_BYTES:
        _refuse(f"Has less than {AT_LEAST_BYTES} bytes{' after ' + prefix if prefix else ''}; anybody could guess it.")
    if not secret.isprintable() or secret != secret.strip():
        _refuse("Must be one line without spaces around it.")


def _refuse(problem: str) -> NoReturn:
    raise BadInput("The secret cannot be used.", errors=[{"pointer": "/secret", "detail": problem}])


def keep(hook: Hook, secret: str) -> None:
    """Makes this the hook's secret; raises EncryptionNotConfigured."""
    hook.secret = crypto.seal(secret, owner=hook.public_id)


def present(hook: Hook) -> str:
    """The hook's secret; raises SecretUnreadable or EncryptionNotConfigured."""
    return crypto.open_sealed(hook.secret, owner=hook.public_id).decode()


def believed(hook: Hook, moment: datetime) -> list[str]:
    """The secrets whose signatures count; raises SecretUnreadable or EncryptionNotConfigured."""
    sealed = [hook.secret]
    if hook.old_secret is not None and hook.old_secret_until is not None and hook.old_secret_until > moment:
        sealed.append(hook.old_secret)
    return [crypto.open_sealed(one, owner=hook.public_id).decode() for one in sealed]
