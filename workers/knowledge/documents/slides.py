"""PPTX: each slide a page, with its title, its text from top to bottom, its tables and its notes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.errors import DocumentUnreadable
from workers.knowledge.documents import zips
from workers.knowledge.documents.base import PAGE_BREAK, Document, Json, heading, plain, table
from workers.knowledge.documents.office import DAMAGED, core_metadata

_DEEPEST_GROUP = 20
_DEEPEST_ITEM = 8


def read(path: Path, _: Json) -> Document:
    """The slides in their order."""
    import pptx
    from pptx.exc import PackageNotFoundError

    with zips.opened(path) as found:
        zips.require_no_declarations(found)
    try:
        show = pptx.Presentation(str(path))
        slides = list(show.slides)
    except (*DAMAGED, PackageNotFoundError) as error:
        raise DocumentUnreadable(f"The presentation is damaged: {error}.") from None
    document = Document("pptx", "", pages=len(slides))
    core_metadata(show, document)
    pages = ["\n\n".join(_slide(slide)) for slide in slides]
    document.text = f"\n\n{PAGE_BREAK}\n\n".join(pages)
    return document


def _slide(slide: Any) -> Iterator[str]:
    title = slide.shapes.title
    if title is not None and title.text_frame.text.strip():
        yield heading(2, title.text_frame.text)
    for shape in _shapes(slide.shapes, 0):
        if title is None or shape.shape_id != title.shape_id:
            yield from _shape(shape)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        if notes:
            yield f"Notes: {plain(notes)}"


def _shapes(shapes: Any, depth: int) -> Iterator[Any]:
    """Shapes from top to bottom and left to right, groups taken apart."""
    for shape in sorted(shapes, key=lambda one: (one.top or 0, one.left or 0)):
        if hasattr(shape, "shapes"):
            if depth < _DEEPEST_GROUP:
                yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape


def _shape(shape: Any) -> Iterator[str]:
    if shape.has_text_frame:
        lines = [_line(one) for one in shape.text_frame.paragraphs]
        text = "\n".join(line for line in lines if line.strip())
        if text:
            yield plain(text)
    elif shape.has_table:
        yield table([[cell.text for cell in row.cells] for row in shape.table.rows])
    elif shape.has_chart and shape.chart.has_title and shape.chart.chart_title.has_text_frame:
        yield plain(shape.chart.chart_title.text_frame.text)


def _line(paragraph: Any) -> str:
    """A paragraph; one below another is an item of a list."""
    text = " ".join(paragraph.text.split())
    depth = min(paragraph.level, _DEEPEST_ITEM)
    return f"{'  ' * (depth - 1)}- {text}" if depth and text else text
