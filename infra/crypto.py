"""Secrets at rest: AES-256-GCM under ENCRYPTION_KEYS, each bound to the object it belongs to.

A sealed secret is `version (1 byte) | key id (8) | nonce (12) | ciphertext and tag`. The key id is the beginning of the
key's SHA-256, so that keys can be rotated: put the new one first and keep the old ones after it, as long as anything is
sealed under them.
"""

from functools import cache
from hashlib import sha256
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.errors import EncryptionNotConfigured, SecretUnreadable
from infra.settings import settings

VERSION = b"\x01"
KEY_ID, NONCE, TAG = 8, 12, 16
HEADER = len(VERSION) + KEY_ID


def seal(plain: bytes | str, *, owner: str) -> bytes:
    """The secret under the first key, to be opened with the same owner (an id, as `we_…`); raises
    EncryptionNotConfigured."""
    key_id = next(iter(_ring()))
    header, nonce = VERSION + key_id, urandom(NONCE)
    data = plain.encode() if isinstance(plain, str) else plain
    return header + nonce + _ring()[key_id].encrypt(nonce, data, header + owner.encode())


def open_sealed(sealed: bytes, *, owner: str) -> bytes:
    """The secret; raises SecretUnreadable (another owner, a missing key, changed bytes) or EncryptionNotConfigured."""
    header, nonce, data = sealed[:HEADER], sealed[HEADER : HEADER + NONCE], sealed[HEADER + NONCE :]
    if len(data) < TAG or not header.startswith(VERSION):
        raise SecretUnreadable("A stored secret is damaged: it was not written by this version of Switchyard.")
    cipher = _ring().get(header[len(VERSION) :])
    if cipher is None:
        raise SecretUnreadable(
            f"A stored secret is under a key that ENCRYPTION_KEYS does not list (id {header[len(VERSION) :].hex()}); "
            "add that key after the first one."
        )
    try:
        return cipher.decrypt(nonce, data, header + owner.encode())
    except InvalidTag:
        raise SecretUnreadable("A stored secret was changed, or belongs to another object.") from None


def derived_keys(purpose: str) -> tuple[bytes, ...]:
    """Keys of 32 bytes for that purpose alone, one of each of ENCRYPTION_KEYS: the first one signs, all of them verify.
    Raises EncryptionNotConfigured."""
    keys = settings().encryption_keys
    if not keys:
        raise EncryptionNotConfigured(
            "Nothing can be signed: set ENCRYPTION_KEYS to 32 random bytes in base64 (openssl rand -base64 32)."
        )
    return _derived(keys, purpose)


@cache
def _derived(keys: tuple[bytes, ...], purpose: str) -> tuple[bytes, ...]:
    return tuple(HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(key) for key in keys)


def _ring() -> dict[bytes, AESGCM]:
    """The ciphers by key id, the one that seals first."""
    keys = settings().encryption_keys
    if not keys:
        raise EncryptionNotConfigured(
            "Secrets cannot be stored: set ENCRYPTION_KEYS to 32 random bytes in base64 (openssl rand -base64 32)."
        )
    return _ciphers(keys)


@cache
def _ciphers(keys: tuple[bytes, ...]) -> dict[bytes, AESGCM]:
    return {sha256(key).digest()[:KEY_ID]: AESGCM(key) for key in keys}
