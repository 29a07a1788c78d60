"""Secrets at rest: what is sealed opens for its owner alone, under any key that is listed."""

import base64
from collections.abc import Callable

import pytest

from infra import crypto
from infra.errors import EncryptionNotConfigured, SecretUnreadable
from infra.settings import Settings, SettingsError, read, settings

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
Keys = Callable[..., None]


def written(*keys: bytes) -> str:
    return ",".join(base64.b64encode(key).decode() for key in keys)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch):
    """Sets ENCRYPTION_KEYS."""

    def use(*keys: bytes) -> None:
        monkeypatch.setenv("ENCRYPTION_KEYS", written(*keys))
        settings.cache_clear()

    yield use
    settings.cache_clear()


@pytest.mark.parametrize("plain", ["whsec_secret", "", "späße", b"\x00\xff" * 5000])
def test_what_is_sealed_is_opened_and_nothing_of_it_shows(keys: Keys, plain: str | bytes) -> None:
    keys(OLD)
    data = plain.encode() if isinstance(plain, str) else plain
    sealed = crypto.seal(plain, owner="we_1")
    assert crypto.open_sealed(sealed, owner="we_1") == data
    assert not data or data not in sealed
    assert crypto.seal(plain, owner="we_1") != sealed


def test_another_owner_cannot_open_it(keys: Keys) -> None:
    keys(OLD)
    sealed = crypto.seal("secret", owner="we_1")
    for owner in ("we_2", "we_", "we_11", ""):
        with pytest.raises(SecretUnreadable, match="belongs to another object"):
            crypto.open_sealed(sealed, owner=owner)


def test_no_byte_of_it_can_be_changed_and_none_left_out(keys: Keys) -> None:
    keys(OLD)
    sealed = crypto.seal("secret", owner="we_1")
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        for forged in (changed, sealed[:place]):
            with pytest.raises(SecretUnreadable):
                crypto.open_sealed(forged, owner="we_1")
    with pytest.raises(SecretUnreadable):
        crypto.open_sealed(sealed + b"\x00", owner="we_1")


def test_keys_rotate_the_first_one_seals_and_all_of_them_open(keys: Keys) -> None:
    keys(OLD)
    before = crypto.seal("before", owner="we_1")
    keys(NEW, OLD)
    after = crypto.seal("after", owner="we_1")
    assert crypto.open_sealed(before, owner="we_1") == b"before"
    keys(NEW)
    assert crypto.open_sealed(after, owner="we_1") == b"after"
    with pytest.raises(SecretUnreadable, match=rf"ENCRYPTION_KEYS does not list \(id {before[1:9].hex()}\)"):
        crypto.open_sealed(before, owner="we_1")


def test_without_a_key_the_process_starts_and_the_first_use_says_what_to_set(keys: Keys) -> None:
    keys(OLD)
    sealed = crypto.seal("secret", owner="we_1")
    keys()
    with pytest.raises(EncryptionNotConfigured, match="set ENCRYPTION_KEYS to 32 random bytes"):
        crypto.seal("secret", owner="we_1")
    with pytest.raises(EncryptionNotConfigured):
        crypto.open_sealed(sealed, owner="we_1")


def test_a_key_is_base64_of_either_alphabet_or_hexadecimal(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = b"\xfb\xff\xfe" * 10 + b"xy"
    forms = (base64.b64encode(odd).decode(), base64.urlsafe_b64encode(odd).decode(), odd.hex(), odd.hex().upper())
    monkeypatch.setenv("ENCRYPTION_KEYS", " , ".join(forms) + ",")
    assert read().encryption_keys == (odd,) * 4
    assert odd.hex() not in repr(read()) and repr(odd) not in repr(read())
    assert isinstance(read(), Settings)


@pytest.mark.parametrize("bad", ["short", "x" * 44, base64.b64encode(b"a" * 31).decode(), "g" * 64, "ä" * 44])
def test_a_bad_key_stops_the_start_is_named_by_its_place_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    monkeypatch.setenv("ENCRYPTION_KEYS", f"{written(OLD)},{bad}")
    with pytest.raises(SettingsError, match="ENCRYPTION_KEYS: key 2 is not 32 bytes") as refused:
        read()
    assert bad not in str(refused.value) and written(OLD) not in str(refused.value)


def test_a_derived_key_is_of_one_purpose_and_of_one_of_the_keys(keys: Keys) -> None:
    keys(OLD)
    (old,) = crypto.derived_keys("links")
    assert len(old) == 32 and old != OLD and crypto.derived_keys("others") != (old,)
    keys(NEW, OLD)
    new, listed = crypto.derived_keys("links")
    assert listed == old and new != old
    keys()
    with pytest.raises(EncryptionNotConfigured, match="openssl rand"):
        crypto.derived_keys("links")
