"""What the packages of Microsoft Office say of themselves."""

from contextlib import suppress
from typing import Any

from workers.knowledge.documents.base import Document

# What the libraries raise for packages that lack what they need, or have something else in its place.
DAMAGED = (KeyError, ValueError, AttributeError, IndexError, TypeError, SyntaxError)
# What programs write where nobody gave a title.
_NO_TITLES = ("powerpoint presentation", "word document", "untitled", "document1", "presentation1")


def core_metadata(package: Any, document: Document) -> None:
    """Title, language, author and the like, of a python-docx or python-pptx document."""
    # A package may lack them, or have a date that is none.
    with suppress(KeyError, ValueError, AttributeError):
        said = package.core_properties
        if said.title and said.title.lower() not in _NO_TITLES:
            document.title = said.title
        document.language = said.language or None
        values = {
            "author": said.author,
            "subject": said.subject,
            "keywords": said.keywords,
            "created": said.created and said.created.date().isoformat(),
            "modified": said.modified and said.modified.date().isoformat(),
        }
        document.metadata = {name: value for name, value in values.items() if value}
