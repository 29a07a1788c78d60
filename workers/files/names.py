"""Names of files as clients send them: any text, of which only what can do no harm is kept."""

import re
import unicodedata

from infra.errors import NulCharacter

BYTES_AT_MOST = 255
NAMELESS = "upload"
# Control and formatting characters (those that turn text around hide what a name ends with), surrogates, no characters.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")


def cleaned(name: str) -> str:
    """The last part of a path, without hidden characters, at most 255 bytes of UTF-8; its suffix is kept. A name of
    which nothing is left is `upload`. Raises NulCharacter."""
    if "\0" in name:
        raise NulCharacter(errors=[{"pointer": "/filename", "detail": "Contains U+0000."}])
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(one for one in last if unicodedata.category(one) not in _HIDDEN)
    plain = " ".join(unicodedata.normalize("NFC", shown).split())
    return _shortened(plain) if plain.strip(". ") else NAMELESS


def suffix(name: str) -> str:
    """`.pdf`, in small letters; empty where there is none."""
    found = _SUFFIX.search(name)
    return found[0].lower() if found else ""


def _shortened(name: str) -> str:
    if len(name.encode()) <= BYTES_AT_MOST:
        return name
    end = _SUFFIX.search(name)
    kept = end[0] if end else ""
    stem = name.removesuffix(kept).encode()[: BYTES_AT_MOST - len(kept)]
    return stem.decode(errors="ignore").rstrip() + kept
