"""Whether an entry says the same as before. Apart from drafts.py, so that parsers need no database to ask."""

import hashlib
from typing import Any

from infra import json


def content_hash(title: str, text: str, content: dict[str, Any], tags: list[str], labels: dict[str, Any]) -> str:
    """SHA-256 in hex of all that an entry says; where it came from is no part of it."""
    return hashlib.sha256(json.dump_canonical([title, text, content, tags, labels])).hexdigest()
