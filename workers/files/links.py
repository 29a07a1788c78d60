"""Links to a file's bytes that need no key, and end: of the storage where it has addresses, else signed by us."""

import hmac
from hashlib import sha256
from urllib.parse import quote
from uuid import UUID

from infra import crypto, ids, storage
from infra.clock import now
from infra.errors import LinkExpired, LinkInvalid
from models import StoredFile

PURPOSE = "switchyard links to files"
LONGEST_SECONDS = 7 * 86_400


def link_of(file: StoredFile, seconds: int, host_url: str) -> str:
    """A link that works for so long; nobody is asked for it. Raises EncryptionNotConfigured or Unavailable."""
    shown = disposition(file.filename)
    own = storage.store().signed_url(file.key, seconds, content_type=file.media_type, disposition=shown)
    return own or f"{host_url.rstrip('/')}/v1/files/{file.public_id}/signed?{_signed(file.id, seconds)}"


def check(file_id: UUID, expires: str, signature: str) -> None:
    """Raises LinkInvalid or LinkExpired, and EncryptionNotConfigured."""
    sent = signature.encode(errors="replace")
    found = [hmac.compare_digest(sent, one.encode()) for one in _signatures(file_id, expires)]
    if not any(found):
        raise LinkInvalid
    if int(expires) < now().timestamp():
        raise LinkExpired


def disposition(filename: str) -> str:
    """Content-Disposition (RFC 6266): an ASCII name for the old, the name for all others."""
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\%' else "_" for one in filename)
    exact = quote(filename, safe="")
    return f'attachment; filename="{plain}"' + (f"; filename*=UTF-8''{exact}" if plain != filename else "")


def _signed(file_id: UUID, seconds: int) -> str:
    expires = str(int(now().timestamp()) + seconds)
    return f"expires={expires}&signature={_signatures(file_id, expires)[0]}"


def _signatures(file_id: UUID, expires: str) -> list[str]:
    """One of each key, the one that signs first."""
    said = f"{ids.show(StoredFile.prefix, file_id)}\n{expires}".encode(errors="replace")
    return [hmac.digest(key, said, sha256).hex() for key in crypto.derived_keys(PURPOSE)]
