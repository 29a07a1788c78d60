"""The inverted index: which chunks of a knowledge base have a lexeme, and how much it says there; and which are of a
type, of a source, have a tag, so that a search filters without a look at the chunks.

A segment holds the chunks that one build inserted, numbered from 0 within it; a search adds up what it reads of each
lexeme of the query, over all chunks at once. Rows are written once and only ever replaced by a merged segment.
"""

from uuid import UUID

from sqlalchemy import BigInteger, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class SearchSegment(Base):
    """The chunks that have a version as their `first_version`; segment 0 is those of all earlier ones, merged.

    `chunk_ids` has 16 bytes for each chunk, in the order of their numbers; `words` is how many words they have in all,
    `languages` the text search configurations by which they were read.
    """

    __tablename__ = "kb_segments"

    knowledge_base_id: Mapped[UUID] = mapped_column(primary_key=True)
    segment: Mapped[int] = mapped_column(Integer, primary_key=True)
    chunks: Mapped[int] = mapped_column(Integer)
    words: Mapped[int] = mapped_column(BigInteger)
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    chunk_ids: Mapped[bytes] = mapped_column(LargeBinary)


class Posting(Base):
    """The chunks of a segment that have a lexeme: `numbers` are theirs (4 bytes each, big-endian), `weights` the share
    of BM25 that does not depend on the lexeme's rarity, in ten-thousandths (2 bytes each). A lexeme that begins with
    U+0001 is something to filter by (workers/knowledge/search/facets.py) and has no weights."""

    __tablename__ = "kb_postings"

    knowledge_base_id: Mapped[UUID] = mapped_column(primary_key=True)
    lexeme: Mapped[str] = mapped_column(primary_key=True)
    segment: Mapped[int] = mapped_column(Integer, primary_key=True)
    chunks: Mapped[int] = mapped_column(Integer)
    numbers: Mapped[bytes] = mapped_column(LargeBinary)
    weights: Mapped[bytes] = mapped_column(LargeBinary)
