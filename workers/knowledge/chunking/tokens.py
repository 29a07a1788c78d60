"""Counting tokens as OpenAI's o200k encoding does (GPT-4o and later), offline.

tiktoken would download its table at the first use, so it lies here: `o200k_base.tiktoken.gz`, as OpenAI publishes it
(MIT), with the hash that tiktoken itself expects.
"""

import base64
import gzip
import hashlib
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

TABLE = Path(__file__).with_name("o200k_base.tiktoken.gz")
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
# How the encoding cuts text into words before it looks them up (tiktoken_ext/openai_public.py).
WORDS = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# A text is counted in parts of so many characters: a word of a million letters takes the table's merges long.
PART = 20_000

_loading = Lock()


def count(text: str) -> int:
    """Tokens of a text, special ones taken as the characters they are written with."""
    encoding = _encoding()
    if len(text) <= PART:
        return len(encoding.encode_ordinary(text))
    return sum(len(encoding.encode_ordinary(text[at : at + PART])) for at in range(0, len(text), PART))


def _encoding() -> Any:
    with _loading:
        return _loaded()


@cache
def _loaded() -> Any:
    """The encoding: 0.7 s and 80 MB at the first use in a process."""
    from tiktoken import Encoding

    table = gzip.decompress(TABLE.read_bytes())
    if hashlib.sha256(table).hexdigest() != SHA256:
        raise RuntimeError(f"{TABLE.name} is not the table of o200k_base")
    lines = (line.split() for line in table.splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    return Encoding("o200k_base", pat_str=WORDS, mergeable_ranks=ranks, special_tokens={})
