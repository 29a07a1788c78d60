"""Does it come from whom it says? The signature of an event, over its bytes as they came.

| scheme | headers | signed |
| --- | --- | --- |
| standard_webhooks | webhook-id, webhook-timestamp, webhook-signature: `v1,<base64> v1,<base64>` | `id.t.body` |
| github | X-Hub-Signature-256: `sha256=<hex>` | the body |
| stripe | Stripe-Signature: `t=<seconds>,v1=<hex>,v1=<hex>` | `t.body` |
| hmac | as the hook's `scheme_options` say | the body, or what `signed_content` says |

The signature is looked at before the time, so that only the real sender hears that an event is too old.
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.errors import InvalidSignature, SignatureExpired
from models import SignatureScheme
from workers.webhooks import secrets as webhook_secrets

Options = Mapping[str, Any]

TOLERANCE_SECONDS = 300
SIGNATURES_AT_MOST = 20
SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it came; headers by their name in lower case."""

    raw: bytes
    headers: Mapping[str, str]
    media_type: str

    def header(self, name: str) -> str:
        """The header's value; raises InvalidSignature without it."""
        found = self.headers.get(name.lower())
        if found is None:
            raise InvalidSignature(f"The header {name} is missing.")
        return found


@dataclass(frozen=True, slots=True)
class Claim:
    """What the request claims: that one of these signatures is over this content."""

    content: bytes
    signatures: Sequence[str]
    timestamp: str | None = None
    algorithm: str = "sha256"
    encoding: str = "hex"


def require_signature(scheme: str, options: Options, secrets: Sequence[str], sent: Sent, moment: datetime) -> None:
    """Returns if one of the secrets made the signature within the last five minutes; raises InvalidSignature or
    SignatureExpired."""
    claim = _CLAIMS[SignatureScheme(scheme)](options, sent)
    good = [_made_with(_key(scheme, secret), claim) for secret in secrets]
    if not any(good):
        raise InvalidSignature("The signature does not fit the body: is the secret the same on both sides?")
    if claim.timestamp is not None and abs(moment.timestamp() - int(claim.timestamp)) > TOLERANCE_SECONDS:
        raise SignatureExpired


def _key(scheme: str, secret: str) -> bytes:
    return webhook_secrets.key_of(secret) if scheme == SignatureScheme.STANDARD_WEBHOOKS else secret.encode()


def _made_with(key: bytes, claim: Claim) -> bool:
    digest = hmac.digest(key, claim.content, claim.algorithm)
    expected = digest.hex().encode() if claim.encoding == "hex" else b64encode(digest)
    given = [one.lower() if claim.encoding == "hex" else one for one in claim.signatures[:SIGNATURES_AT_MOST]]
    return any(hmac.compare_digest(expected, one.encode()) for one in given)


def _standard_webhooks(_: Options, sent: Sent) -> Claim:
    timestamp = _seconds(sent.header("webhook-timestamp"))
    prefix = f"{sent.header('webhook-id')}.{timestamp}.".encode("latin-1")
    versions = [one.partition(",") for one in sent.header("webhook-signature").split(" ")]
    signatures = [signature for version, _, signature in versions if version == "v1"]
    return Claim(prefix + sent.raw, signatures, timestamp, encoding="base64")


def _github(_: Options, sent: Sent) -> Claim:
    return Claim(sent.raw, [_without("sha256=", sent.header("X-Hub-Signature-256"))])


def _stripe(_: Options, sent: Sent) -> Claim:
    pairs = [one.strip().partition("=") for one in sent.header("Stripe-Signature").split(",")]
    timestamp = _seconds(next((value for name, _, value in pairs if name == "t"), ""))
    return Claim(f"{timestamp}.".encode() + sent.raw, [value for name, _, value in pairs if name == "v1"], timestamp)


def _hmac(options: Options, sent: Sent) -> Claim:
    timestamp = _seconds(sent.header(options["timestamp_header"])) if options.get("timestamp_header") else None
    values = {"body": sent.raw, "timestamp": (timestamp or "").encode()}
    layout = signed_content(options)
    if "{id}" in layout:
        values["id"] = sent.header(options["id_header"]).encode("latin-1")
    content = b"".join(
        values[piece[1:-1]] if piece in PLACES else piece.encode() for piece in _PLACE.split(layout) if piece
    )
    given = _without(options.get("prefix", ""), sent.header(options["header"]))
    return Claim(content, [given], timestamp, options["algorithm"], options["encoding"])


_CLAIMS = {
    SignatureScheme.STANDARD_WEBHOOKS: _standard_webhooks,
    SignatureScheme.GITHUB: _github,
    SignatureScheme.STRIPE: _stripe,
    SignatureScheme.HMAC: _hmac,
}
PLACES = ("{body}", "{timestamp}", "{id}")
_PLACE = re.compile(r"(\{(?:body|timestamp|id)\})")


def signed_content(options: Options) -> str:
    """What a plain HMAC is over, with places for body, timestamp and id."""
    default = "{timestamp}.{body}" if options.get("timestamp_header") else "{body}"
    layout: str = options.get("signed_content") or default
    return layout


def _without(prefix: str, value: str) -> str:
    if not value.startswith(prefix):
        raise InvalidSignature(f"The signature must begin with {prefix!r}.")
    return value.removeprefix(prefix)


def _seconds(text: str) -> str:
    if not SECONDS.fullmatch(text):
        raise InvalidSignature("The signature's timestamp must be whole seconds since 1970.")
    return text
