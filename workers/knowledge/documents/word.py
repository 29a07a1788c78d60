"""DOCX: paragraphs, headings, lists, tables and footnotes, from the tree that python-docx has read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.errors import DocumentUnreadable
from workers.knowledge.documents import zips
from workers.knowledge.documents.base import Document, Json, heading, plain, table
from workers.knowledge.documents.office import DAMAGED, core_metadata

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_FOOTNOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
_BULLETS = ("bullet", "none")
_MOST_SPANNED = 50
_DEEPEST = 8
_CONTAINERS = (f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml", f"{_W}smartTag", f"{_W}ins")
# A paragraph's text is in these; what was deleted, and what stands there for older programs, is not.
_SKIPPED = (f"{_W}del", f"{_W}moveFrom", f"{_W}instrText", f"{_W}pPr", _FALLBACK)
_BOX = f"{_W}txbxContent"


@dataclass(slots=True)
class _Styles:
    """What the document's styles and lists say: heading levels by style, kinds of list by number and depth."""

    levels: dict[str, int] = field(default_factory=dict)
    bullets: dict[tuple[str, str], bool] = field(default_factory=dict)
    lists: dict[str, bool] = field(default_factory=dict)


def read(path: Path, _: Json) -> Document:
    """The document's body in its order, and its footnotes at the end."""
    import docx
    from docx.opc.exceptions import PackageNotFoundError

    with zips.opened(path) as found:
        zips.require_no_declarations(found)
    try:
        word = docx.Document(str(path))
        body = word.element.body
    except (*DAMAGED, PackageNotFoundError) as error:
        raise DocumentUnreadable(f"The Word document is damaged: {error}.") from None
    document = Document("docx", "")
    core_metadata(word, document)
    styles = _styles_of(word)
    blocks = list(_blocks(body, styles))
    document.text = "\n\n".join(blocks + _footnotes(word)).replace("\n\n\0", "\n").replace("\0", "")
    return document


def _styles_of(word: Any) -> _Styles:
    found = _Styles()
    for style in word.styles.element.iter(f"{_W}style"):
        identity, name = style.get(f"{_W}styleId", ""), _value(style, "name").lower()
        outline = style.find(f"{_W}pPr/{_W}outlineLvl")
        if name == "title":
            found.levels[identity] = 1
        elif name.startswith("heading ") and name[8:].isdigit():
            found.levels[identity] = int(name[8:])
        elif outline is not None and outline.get(f"{_W}val", "9") < "9":
            found.levels[identity] = int(outline.get(f"{_W}val")) + 1
        elif name.startswith(("list bullet", "list number")):
            found.lists[identity] = name.startswith("list bullet")
    _read_lists(word, found)
    return found


def _read_lists(word: Any, found: _Styles) -> None:
    """Which lists have bullets."""
    try:
        numbering = word.part.numbering_part.element
    except (KeyError, NotImplementedError, AttributeError):
        return
    kinds = {
        one.get(f"{_W}abstractNumId"): {
            level.get(f"{_W}ilvl", "0"): _value(level, "numFmt") in _BULLETS for level in one.iter(f"{_W}lvl")
        }
        for one in numbering.iter(f"{_W}abstractNum")
    }
    for number in numbering.iter(f"{_W}num"):
        for depth, is_bullet in kinds.get(_value(number, "abstractNumId"), {}).items():
            found.bullets[number.get(f"{_W}numId", ""), depth] = is_bullet


def _value(element: Any, name: str) -> str:
    one = element.find(f"{_W}{name}")
    return "" if one is None else one.get(f"{_W}val", "")


def _blocks(container: Any, styles: _Styles) -> Iterator[str]:
    """Paragraphs and tables, also those in content controls, whatever their depth."""
    waiting = [iter(container)]
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
        elif element.tag == f"{_W}p":
            boxes: list[Any] = []
            yield from _paragraph(element, styles, boxes)
            waiting.extend(iter(box) for box in boxes)
        elif element.tag == f"{_W}tbl":
            yield from _table(element, styles)
        elif element.tag in _CONTAINERS:
            waiting.append(iter(element))


def _paragraph(element: Any, styles: _Styles, boxes: list[Any] | None = None) -> Iterator[str]:
    text = _text(element, boxes).strip()
    if not text:
        return
    said = element.find(f"{_W}pPr")
    style = "" if said is None else _value(said, "pStyle")
    level = styles.levels.get(style) or _own_level(said)
    if level:
        yield heading(level, text)
        return
    number = None if said is None else said.find(f"{_W}numPr")
    if number is not None and _value(number, "numId") not in ("", "0"):
        depth = _value(number, "ilvl") or "0"
        yield _item(text, int(depth), styles.bullets.get((_value(number, "numId"), depth), True))
    elif style in styles.lists:
        yield _item(text, 0, styles.lists[style])
    else:
        yield plain(text)


def _own_level(said: Any) -> int:
    """The level that a paragraph gives itself, 0 for none."""
    value = "" if said is None else _value(said, "outlineLvl")
    return int(value) + 1 if value.isdigit() and int(value) < 9 else 0


def _item(text: str, depth: int, is_bullet: bool) -> str:
    indent = "  " * min(depth, _DEEPEST)
    # Items follow each other without an empty line.
    return f"\0{indent}{'- ' if is_bullet else '1. '}" + text.replace("\n", f"\n{indent}  ")


def _text(element: Any, boxes: list[Any] | None = None) -> str:
    """The text of its runs; text boxes in it are blocks of their own, and are put into `boxes`."""
    pieces: list[str] = []
    waiting = [iter(element)]
    while waiting:
        one = next(waiting[-1], None)
        if one is None:
            waiting.pop()
        elif one.tag == f"{_W}t":
            pieces.append(one.text or "")
        elif one.tag in (f"{_W}tab", f"{_W}ptab"):
            pieces.append("\t")
        elif one.tag in (f"{_W}br", f"{_W}cr"):
            pieces.append("\n")
        elif one.tag == f"{_W}noBreakHyphen":
            pieces.append("-")
        elif one.tag == f"{_W}footnoteReference":
            pieces.append(f"[^{one.get(f'{_W}id', '')}]")
        elif one.tag == _BOX:
            if boxes is not None:
                boxes.append(one)
        elif one.tag not in _SKIPPED:
            waiting.append(iter(one))
    return "".join(pieces)


def _table(element: Any, styles: _Styles) -> Iterator[str]:
    """A Markdown table; one with a single cell is a frame around paragraphs."""
    rows = [[cell for cell in row.iter(f"{_W}tc") if _row_of(cell) is row] for row in _own(element, "tr")]
    if max(map(len, rows), default=0) < 2:
        for row in rows:
            for cell in row:
                yield from _frame(cell, styles)
        return
    yield table([[text for cell in row for text in _spread(cell)] for row in rows])


def _frame(cell: Any, styles: _Styles) -> Iterator[str]:
    """What is in a cell that stands alone; tables in it as lines of text, so that none is read over and over."""
    for one in cell:
        if one.tag == f"{_W}p":
            yield from _paragraph(one, styles)
        elif text := _cell_text(one):
            yield plain(text)


def _own(element: Any, name: str) -> Iterator[Any]:
    """Its rows, also those in content controls, but not those of tables inside."""
    for one in element:
        if one.tag == f"{_W}{name}":
            yield one
        elif one.tag == f"{_W}sdt":
            yield from one.iterfind(f"{_W}sdtContent/{_W}{name}")


def _row_of(cell: Any) -> Any:
    return next(cell.iterancestors(f"{_W}tr"), None)


def _spread(cell: Any) -> list[str]:
    """Its text in its first column, and nothing in the others that it spans."""
    span = cell.find(f"{_W}tcPr/{_W}gridSpan")
    columns = "1" if span is None else span.get(f"{_W}val", "1")
    merged = cell.find(f"{_W}tcPr/{_W}vMerge")
    goes_on = merged is not None and merged.get(f"{_W}val", "continue") == "continue"
    text = "" if goes_on else _cell_text(cell)
    return [text, *[""] * (min(int(columns), _MOST_SPANNED) - 1 if columns.isdigit() else 0)]


def _cell_text(cell: Any) -> str:
    return " ".join(text for one in cell.iter(f"{_W}p") if (text := _text(one).strip()))


def _footnotes(word: Any) -> list[str]:
    """The footnotes as Markdown has them."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    parts = [one.target_part for one in word.part.rels.values() if one.reltype == _FOOTNOTES and not one.is_external]
    notes = [note for part in parts for note in etree.fromstring(part.blob, parser).iter(f"{_W}footnote")]
    found = [(note.get(f"{_W}id", ""), _cell_text(note)) for note in notes]
    return [f"[^{number}]: {text}" for number, text in found if text]
