"""HTML: its content as Markdown, without what surrounds it. The tree is walked step by step: depth costs nothing."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from infra.errors import DocumentUnreadable, ParsingTooLarge
from workers.knowledge.documents.base import Document, Json, fenced, heading, plain, require_length
from workers.knowledge.documents.decoding import decode
from workers.knowledge.documents.webpage_tables import rows_of

_SKIPPED = frozenset(
    (
        "script", "style", "noscript", "template", "svg", "nav", "iframe", "object", "canvas", "audio", "video",
        "select", "option", "datalist", "button", "input", "textarea", "dialog", "head", "footer", "map", "-comment",
        "!doctype",
    )
)  # fmt: skip
_SKIPPED_ROLES = frozenset(("navigation", "search", "banner", "contentinfo", "menu", "menubar", "toolbar", "dialog"))
_BLOCKS = frozenset(
    (
        "p", "div", "section", "article", "header", "main", "aside", "figure", "figcaption", "address", "details",
        "summary", "fieldset", "form", "hr", "body", "html", "dl", "dt", "dd", "ul", "ol", "li", "blockquote", "center",
        "table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "pre", "h1", "h2", "h3", "h4", "h5", "h6",
    )
)  # fmt: skip
# Elements that need no end, and so may begin often without nesting.
_ENDED_BY_OTHERS = frozenset(
    (
        "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "br", "hr", "img", "input",
        "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr", "param", "path", "use",
    )
)  # fmt: skip
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_DEEPEST = 5000
_DEEPEST_SHOWN = 8
_MAIN_SHARE = 0.4
_SPACE = re.compile(r"[ \t\n\r\f\xa0]+")
_LANGUAGE = re.compile(r"(?:language|lang|highlight|brush:?)-?\s*([\w+#-]+)")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{2,40})", re.IGNORECASE)
_METADATA = {
    "author": "author",
    "description": "description",
    "keywords": "keywords",
    "article:published_time": "created",
    "article:modified_time": "modified",
}


def read(path: Path, said: Json) -> Document:
    """The page's main part: headings, paragraphs, lists, tables and code; the text of its links."""
    from selectolax.lexbor import LexborHTMLParser

    content = path.read_bytes()
    declared = _CHARSET.search(content[:4096])
    text, _ = decode(content, said.get("charset") or (declared[1].decode() if declared else None))
    require_length(len(text) // 8)
    _require_shallow(text)
    tree = LexborHTMLParser(text.replace("\0", ""))
    if tree.body is None:
        raise DocumentUnreadable("The page has no body.")
    document = Document("html", "", metadata=_metadata(tree))
    document.language = (tree.root.attributes.get("lang") if tree.root else None) or None
    title = tree.css_first("title")
    writer = _Writer()
    _walk(_main(tree), writer)
    document.text = writer.text()
    document.title = writer.first_heading or (title.text(strip=True) if title else None)
    return document


def _require_shallow(text: str) -> None:
    """Raises ParsingTooLarge for a page on which the parser would take for ever, as its time grows with the depth."""
    if text.count("<") < _DEEPEST:
        return
    depth = 0
    for match in _TAG.finditer(text):
        if match[2].lower() not in _ENDED_BY_OTHERS:
            depth += -1 if match[1] else 1
            if depth > _DEEPEST:
                raise ParsingTooLarge(f"The page nests more than {_DEEPEST:,} elements.")


def _metadata(tree: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in tree.css("meta")[:200]:
        name = one.attributes.get("name") or one.attributes.get("property")
        if (ours := _METADATA.get((name or "").lower())) and one.attributes.get("content"):
            found.setdefault(ours, one.attributes["content"])
    return found


def _main(tree: Any) -> Any:
    """What the page calls its main part, if most of its text is there; else its body."""
    body = tree.body
    whole = _visible(body)
    for wanted in ("main", "[role=main]", "article"):
        found = tree.css(wanted)
        if len(found) == 1 and _visible(found[0]) >= _MAIN_SHARE * whole:
            return found[0]
    return body


def _visible(root: Any) -> int:
    return sum(len(node.text_content or "") for node, enters in _steps(root, _is_skipped) if enters and _is_text(node))


def _is_text(node: Any) -> bool:
    return bool(node.is_text_node)


def _is_skipped(node: Any) -> bool:
    if _is_text(node):
        return False
    if node.tag in _SKIPPED:
        return True
    said = node.attributes
    return bool(
        said
        and (
            said.get("role") in _SKIPPED_ROLES
            or "hidden" in said
            or said.get("aria-hidden") == "true"
            or "display:none" in (said.get("style") or "").replace(" ", "")
            or "headerlink" in (said.get("class") or "").split()
        )
    )


def _steps(root: Any, skips: Callable[[Any], bool]) -> Iterator[tuple[Any, bool]]:
    """Every node below, when it begins (True) and, for elements, when it ends (False). What is skipped is left out."""
    node, depth = root.child, 1
    while node is not None:
        if not skips(node):
            yield node, True
            if not _is_text(node):
                if node.child is not None:
                    node, depth = node.child, depth + 1
                    continue
                yield node, False
        while node.next is None:
            node, depth = node.parent, depth - 1
            if not depth:
                return
            yield node, False
        node = node.next


def _walk(root: Any, writer: "_Writer") -> None:
    taken = _Taken()

    def skips(node: Any) -> bool:
        return taken.takes(node, writer) or _is_skipped(node)

    for node, enters in _steps(root, skips):
        if _is_text(node):
            writer.inline(node.text_content or "")
        elif enters:
            writer.enter(node)
        else:
            writer.leave(node)
    writer.flush()


class _Taken:
    """Elements that are written as a whole: code blocks, and tables of data."""

    def takes(self, node: Any, writer: "_Writer") -> bool:
        if _is_text(node):
            return False
        if node.tag == "pre":
            writer.block(fenced(_raw(node), _language(node)))
            return True
        if node.tag == "table" and (found := rows_of(node, _steps, _is_skipped)) is not None:
            writer.block(found)
            return True
        if node.tag == "br":
            writer.line_break()
            return True
        if node.tag == "img":
            writer.inline(f" {node.attributes.get('alt') or ''} ")
            return True
        return False


def _raw(node: Any) -> str:
    """Text with its spaces and lines."""
    return "".join(
        "\n" if one.tag == "br" else one.text_content or ""
        for one, enters in _steps(node, lambda _: False)
        if enters and (_is_text(one) or one.tag == "br")
    ).replace("\xa0", " ")


def _language(node: Any) -> str:
    """The language that a class of the code block, or of what is just around or in it, names."""
    for one in (node, node.child, node.parent, node.parent and node.parent.parent):
        if one is not None and not _is_text(one):
            found = _LANGUAGE.search(one.attributes.get("class") or "")
            if found and found[1] not in ("default", "none", "text"):
                return found[1]
    return ""


class _Writer:
    """Collects blocks of Markdown."""

    def __init__(self) -> None:
        self.first_heading: str | None = None
        self._blocks: list[str] = []
        self._inline: list[str] = []
        # Of each open list the number of its last item, None for bullets.
        self._lists: list[int | None] = []
        self._quotes = 0
        self._marker: str | None = None
        self._was_item = False
        self._code: list[int] = []

    def text(self) -> str:
        return "\n\n".join(self._blocks).replace("\n\n\0", "\n")

    def inline(self, text: str) -> None:
        if text:
            self._inline.append(_SPACE.sub(" ", text))

    def line_break(self) -> None:
        self._inline.append("\n")

    def enter(self, node: Any) -> None:
        if node.tag in _BLOCKS:
            self.flush()
        if node.tag in ("ul", "ol"):
            self._lists.append(0 if node.tag == "ol" else None)
        elif node.tag == "blockquote":
            self._quotes += 1
        elif node.tag == "li":
            number = self._lists[-1] if self._lists else None
            if number is not None:
                self._lists[-1] = number + 1
            self._marker = "- " if number is None else f"{number + 1}. "
        elif node.tag == "code":
            self._code.append(len(self._inline))

    def leave(self, node: Any) -> None:
        tag = node.tag
        if tag == "code" and self._code:
            self._quote_code(self._code.pop())
        elif tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self._end_heading(int(tag[1]))
        elif tag in _BLOCKS:
            self.flush()
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif tag == "blockquote":
            self._quotes -= 1
        elif tag == "li":
            self._marker = None

    def flush(self) -> None:
        """Ends the paragraph."""
        lines = (_SPACE.sub(" ", line).strip() for line in "".join(self._inline).split("\n"))
        text = "\n".join(line for line in lines if line)
        self._inline, self._code = [], []
        if text:
            self.block(plain(text))

    def block(self, text: str) -> None:
        """Writes a block where the lists and quotations stand."""
        if not text.strip():
            return
        if self._inline:
            self.flush()
        depth = min(len(self._lists), _DEEPEST_SHOWN)
        if not depth and not self._quotes:
            self._blocks.append(text)
            self._was_item = False
            return
        quote = "> " * min(self._quotes, _DEEPEST_SHOWN)
        indent = quote + "  " * (depth - (self._marker is not None))
        # Items of a list follow each other without an empty line; no text has a NUL any more.
        tight = "\0" if self._marker and self._was_item else ""
        self._was_item = self._marker is not None
        following = "\n" + indent + ("  " if self._marker else "")
        self._blocks.append(tight + indent + (self._marker or "") + text.replace("\n", following))
        self._marker = None

    def _end_heading(self, level: int) -> None:
        title = _SPACE.sub(" ", "".join(self._inline)).strip()
        self._inline, self._code = [], []
        if title:
            self.first_heading = self.first_heading or (title if level == 1 else None)
            self._blocks.append(heading(level, title))
            self._was_item = False

    def _quote_code(self, start: int) -> None:
        text = "".join(self._inline[start:]).strip()
        if text and "`" not in text and "\n" not in text:
            self._inline[start:] = [f"`{text}`"]
