"""What full text sees of a chunk, and of a query: the same words by the same rules.

Whoever inserts chunks adds `searchable(title, context, text)` to each row of the recordset and writes `SEARCH_VECTOR`
into `kb_chunks.search`:

    INSERT INTO kb_chunks (…, language, search)
    SELECT …, language, <SEARCH_VECTOR> FROM jsonb_to_recordset(:rows)
        AS r(…, language text, title_words text, text_words text, literals text)

Words are stemmed in the text's language. An identifier (`listIssues`, `list_issues`, `/repos/{owner}/issues`) counts
both as its words and, in lower case and without separators, as a literal; scripts without spaces count in pairs of
characters.
"""

import asyncio
import re
import unicodedata
from typing import Any
from uuid import UUID

from workers.knowledge.search import segments, vector_index
from workers.knowledge.search.languages import language_of

Json = dict[str, Any]

LONGEST_LITERAL = 64

# Columns needed: language, title_words, text_words, literals. Titles have weight A.
SEARCH_VECTOR = """(
setweight(to_tsvector(coalesce(language, 'simple')::regconfig, title_words), 'A')
|| to_tsvector(coalesce(language, 'simple')::regconfig, text_words)
|| to_tsvector('simple', literals)
)"""

# Han, kana, Hangul, Thai, Lao, Khmer, Burmese: no spaces between words, or whole phrases between them.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+"
)
_WRITTEN_AS_ONE = re.compile(r"[\w./:@#{}\\-]+")
_NUMBER = re.compile(r"[\d.]+")
_INSIDE = re.compile(r"[\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_POINT_OF_NO_NUMBER = re.compile(r"(?<!\d)[.,]|[.,](?!\d)")
_SEPARATORS = str.maketrans(dict.fromkeys("!\"#$%&'()*+-/:;<=>?@[\\]^_`{|}~\0\x0b\x0c", " "))
_INVISIBLE = str.maketrans(dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2060\ufeff"))


def searchable(title: str, context: str, text: str) -> Json:
    """The columns that `SEARCH_VECTOR` needs, for one chunk: its language (see `languages`) and its words."""
    titles = context if title in context else f"{title}\n{context}"
    title_words, title_literals = words_and_literals(titles)
    text_words, literals = words_and_literals(text)
    return {
        "language": language_of(text if len(text) > len(titles) else f"{titles}\n{text}"),
        "title_words": title_words,
        "text_words": text_words,
        "literals": f"{title_literals} {literals}",
    }


def words_and_literals(text: str) -> tuple[str, str]:
    """A text as words to be stemmed, and what is to be found in it as it is written."""
    text = unicodedata.normalize("NFKC", text).translate(_INVISIBLE)
    literals = [each for each in map(_literal, _WRITTEN_AS_ONE.findall(text)) if each]
    for run in _UNSPACED.findall(text):
        literals += [run[at : at + 2] for at in range(max(1, len(run) - 1))]
    words = _UNSPACED.sub(" ", text)
    words = _CAMEL.sub(" ", words).translate(_SEPARATORS)
    return _POINT_OF_NO_NUMBER.sub(" ", words), " ".join(literals)


def _literal(written: str) -> str:
    """An identifier without its separators, in lower case; nothing for a plain word, or what is too long to be one."""
    if len(written) > 2 * LONGEST_LITERAL:
        return ""
    joined = _INSIDE.sub("", written)
    plain = _NUMBER.fullmatch(written) or (joined == written.strip("./:@#{}\\-_") and not _CAMEL.search(joined))
    return "" if plain or not 1 < len(joined) <= LONGEST_LITERAL else joined.lower()


async def after_build(base_id: UUID, version: int) -> None:
    """Indexes what the build of a version inserted; to be awaited when all its chunks and vectors are there, before it
    is ready. May be called again."""
    await asyncio.to_thread(segments.refresh, base_id, version)
    await asyncio.to_thread(vector_index.refresh, base_id)
