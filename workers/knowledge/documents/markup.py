"""Markdown, reStructuredText, plain text and code, which are text already."""

import re
from pathlib import Path
from typing import Any

from workers.knowledge.documents.base import PAGE_BREAK, Document, Json, clean, fenced, heading, require_length
from workers.knowledge.documents.decoding import decode

# By the ends of file names: the name of the language for the fence.
CODE = {
    "bash": "bash", "c": "c", "cc": "cpp", "cfg": "ini", "clj": "clojure", "conf": "ini", "cpp": "cpp", "cs": "csharp",
    "css": "css", "dart": "dart", "diff": "diff", "dockerfile": "dockerfile", "erl": "erlang", "ex": "elixir",
    "exs": "elixir", "fs": "fsharp", "go": "go", "graphql": "graphql", "groovy": "groovy", "h": "c", "hpp": "cpp",
    "hs": "haskell", "ini": "ini", "java": "java", "jl": "julia", "js": "javascript", "json": "json", "jsonc": "json",
    "jsonl": "json", "jsx": "jsx", "kt": "kotlin", "less": "less", "lua": "lua", "makefile": "makefile", "ml": "ocaml",
    "mjs": "javascript", "nix": "nix", "patch": "diff", "php": "php", "pl": "perl", "proto": "protobuf",
    "properties": "properties", "ps1": "powershell", "py": "python", "pyi": "python", "r": "r", "rb": "ruby",
    "rs": "rust", "scala": "scala", "scss": "scss", "sh": "bash", "sql": "sql", "svelte": "svelte", "swift": "swift",
    "tf": "hcl", "toml": "toml", "ts": "typescript", "tsx": "tsx", "vue": "vue", "xml": "xml", "yaml": "yaml",
    "yml": "yaml", "zig": "zig", "zsh": "bash",
}  # fmt: skip
_LONGEST_FRONT = 64 * 1024
_FRONT = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)\n(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_MOST_FIELDS, _MOST_ITEMS = 50, 50
_ADORNMENT = re.compile(r"([=\-`:.'\"~^_*+#<>])\1{2,}\s*\Z")
_DIRECTIVE = re.compile(r"^(\s*)\.\.\s+(?:code-block|code|sourcecode|highlight)::\s*(\S*)\s*$")
_OPTION = re.compile(r"^\s+:[\w-]+:")
_FIRST_HEADING = re.compile(r"^#[ \t]+(\S.*)$", re.MULTILINE)


def read_text(path: Path, said: Json) -> str:
    """The file as text, by the encoding that its bytes or its sender tell."""
    content = path.read_bytes()
    require_length(len(content) // 4)
    text, _ = decode(content, said.get("charset"))
    require_length(len(text))
    return clean(text)


def read_markdown(path: Path, said: Json) -> Document:
    """Markdown as it is; its front matter is metadata."""
    document = Document("markdown", read_text(path, said))
    front = _FRONT.match(document.text[:_LONGEST_FRONT])
    if front and (fields := _front_matter(front[1], front[2])) is not None:
        document.text = document.text[front.end() :]
        document.metadata = _plain_fields(fields)
    first = _FIRST_HEADING.search(document.text)
    document.title = document.metadata.get("title") or (first[1].rstrip(" #") if first else None)
    document.language = document.metadata.pop("lang", None) or document.metadata.pop("language", None)
    document.text = document.text.replace(PAGE_BREAK, "\n")
    return document


def read_plain(path: Path, said: Json) -> Document:
    """Text with its page breaks, if it has any; underlined lines are headings."""
    document = Document("text", _headings_marked(read_text(path, said)))
    if PAGE_BREAK in document.text:
        document.pages = document.text.rstrip("\f\n\t ").count(PAGE_BREAK) + 1
    return document


def read_rst(path: Path, said: Json) -> Document:
    """reStructuredText with Markdown's headings and code blocks; the rest as it is written."""
    text = read_text(path, said).replace(PAGE_BREAK, "\n")
    return Document("rst", _headings_marked(_code_fenced(text)))


def read_code(path: Path, said: Json) -> Document:
    """Code, and data that is text, as one code block."""
    text = read_text(path, said).replace(PAGE_BREAK, "\n")
    name = said.get("filename") or "code"
    document = Document("code", fenced(text, said["language"]) if text.strip() else "", title=name)
    document.metadata = {"programming_language": said["language"]}
    return document


def _front_matter(mark: str, text: str) -> dict[str, Any] | None:
    """The fields of a front matter; None if it is none."""
    if mark == "+++":
        import tomllib

        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return None
    import yaml

    try:
        found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _plain_fields(fields: dict[str, Any]) -> dict[str, str]:
    """Scalars, and lists of them; what is nested may be a bomb, and is nobody's title."""
    kept: dict[str, str] = {}
    for name, value in list(fields.items())[:_MOST_FIELDS]:
        values = value[:_MOST_ITEMS] if isinstance(value, list) else [value]
        if isinstance(name, str) and values and all(_is_scalar(one) for one in values):
            kept[name] = ", ".join(str(one) for one in values)
    return kept


def _is_scalar(value: Any) -> bool:
    return value is not None and not isinstance(value, list | dict | set | tuple | bytes)


def _headings_marked(text: str) -> str:
    """Lines that are underlined, or lined on both sides, as Markdown headings; levels in order of first use."""
    lines = text.split("\n")
    styles: list[tuple[str, bool]] = []
    kept: list[str] = []
    at = 0
    while at < len(lines):
        over = _is_adorned(lines, at, at + 1, at + 2)
        title = at + 1 if over else at
        if over or _is_underlined(lines, title):
            style = (lines[title + 1].strip()[:1], over)
            if style not in styles:
                styles.append(style)
            kept.append(heading(styles.index(style) + 1, lines[title]))
            at = title + 2
        else:
            kept.append(lines[at])
            at += 1
    return "\n".join(kept)


def _is_adorned(lines: list[str], over: int, title: int, under: int) -> bool:
    return (
        under < len(lines)
        and bool(_ADORNMENT.match(lines[over]))
        and lines[over].rstrip() == lines[under].rstrip()
        and _may_be_title(lines[title], lines[under])
    )


def _is_underlined(lines: list[str], title: int) -> bool:
    """A title follows an empty line or nothing, and its line is as long as it is."""
    return (
        title + 1 < len(lines)
        and bool(_ADORNMENT.match(lines[title + 1]))
        and _may_be_title(lines[title], lines[title + 1])
        and not lines[title][:1].isspace()
        and (title == 0 or not lines[title - 1].strip() or lines[title - 1].startswith(".. "))
    )


def _may_be_title(title: str, line: str) -> bool:
    text = title.strip()
    return bool(text) and len(text) <= len(line.rstrip()) + 1 and any(one.isalnum() for one in text)


def _code_fenced(text: str) -> str:
    """Literal blocks (`::`) and code directives as fences."""
    lines = text.split("\n")
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        directive = _DIRECTIVE.match(line)
        at += 1
        if directive is None and not (line.rstrip().endswith("::") and not line.lstrip().startswith("..")):
            kept.append(line)
            continue
        if directive is None and (said := line.rstrip()[:-1].rstrip(":").rstrip()):
            kept.append(said + ":")
        while directive and at < len(lines) and _OPTION.match(lines[at]):
            at += 1
        block, at = _indented(lines, at, len(line) - len(line.lstrip()))
        if block:
            kept += ["", fenced("\n".join(block), directive[2] if directive else ""), ""]
    return "\n".join(kept)


def _indented(lines: list[str], at: int, indent: int) -> tuple[list[str], int]:
    """The lines from there that are set in further, without what all have, and where they end."""
    end = at
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > indent):
        end += 1
    block = lines[at:end]
    least = min((len(one) - len(one.lstrip()) for one in block if one.strip()), default=0)
    while block and not block[-1].strip():
        block.pop()
    while block and not block[0].strip():
        block.pop(0)
    return [one[least:] for one in block], end
