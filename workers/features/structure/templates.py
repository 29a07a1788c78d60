"""What varies in a text, a name or a path, told by its form alone: ids, numbers, dates, addresses, quoted values.

The same rules serve prompts, users' words and segments of paths, so that what is one template today is one tomorrow:
no rule depends on what else was seen.
"""

import re
from functools import lru_cache

UUID = r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
DATE = r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(?:Z|[+-]\d{2}:?\d{2})?"
MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
EMAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
URL = r"\b[a-z][a-z0-9+]{1,11}://[^\s\"'<>)\]}]+"
# A word of letters and digits, such as ord_8f3a91, INV-2024-0017 or 01HZX5: digits make it a value.
CODE = r"[A-Za-z]{1,12}[-_#]?\d[\w-]*|\d+[A-Za-z][\w-]*|[\w]+(?:[-_][\w]+)*[-_]\d[\w-]*"
NUMBER = r"[-+]?\d+(?:[.,:/]\d+)*%?"

# In this order: what is longer goes first.
_RULES = (
    ("url", URL),
    ("email", EMAIL),
    ("id", rf"\b{UUID}\b"),
    ("date", rf"\b{DATE}\b|\b\d{{1,2}}\.? {MONTH}(?:,? \d{{4}})?\b|\b{MONTH} \d{{1,2}}(?:,? \d{{4}})?\b"),
    ("quoted", r"\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|«[^»\n]{1,200}»|`[^`\n]{1,200}`|(?<!\w)'[^'\n]{1,200}'(?!\w)"),
    ("variable", r"\{\{[^{}\n]{1,80}\}\}|\$\{[^{}\n]{1,80}\}|\{[A-Za-z_][\w.]{0,60}\}|<[a-z_]{1,40}>"),
    ("id", rf"(?<![\w-])(?:{CODE})(?![\w-])"),
    ("number", rf"(?<![\w]){NUMBER}"),
)
_TEXT = re.compile("|".join(f"(?P<{name}{at}>{rule})" for at, (name, rule) in enumerate(_RULES)))
_SPACE = re.compile(r"\s+")
# Three digits, or a part that is nothing but digits or hex: users/u-1042, C-33,759, report-b09c9057.pdf, 12.json.
_SEGMENT = re.compile(
    rf"{UUID}|{DATE}|{EMAIL}|(?=(?:[^\d]*\d){{3}}).+|(?:.*[-_.,~@])?\d+(?:[-_.,~@].*)?|(?=.*\d)[0-9a-fA-F]{{7,}}"
    r"|(?=.*[a-z].*[A-Z]|.*[A-Z].*[a-z])(?=.*\d)[A-Za-z0-9_-]{8,}|[\w+/-]{20,}={1,2}"
)
_VERSION = re.compile(r"v\d{1,2}(?:\.\d+)*(?:(?:alpha|beta|rc)\d*)?|\d\.\d")
_PARAMETER = re.compile(r"\{[^/{}]*\}|:[A-Za-z_]\w*|<[^/<>]*>|\[[^/\[\]]*\]|\*+")
PLACE = "{}"


def mask(text: str) -> str:
    """The text with `<id>`, `<number>`, `<date>`, `<quoted>` and the like for what varies, and single spaces."""
    return _SPACE.sub(" ", _TEXT.sub(_name, text)).strip()


def _name(found: re.Match[str]) -> str:
    return f"<{(found.lastgroup or '').rstrip('0123456789')}>"


@lru_cache(20_000)
def segment(text: str) -> str:
    """A segment of a path: `{}` if it is a parameter, or a value by its form."""
    if _VERSION.fullmatch(text):
        return text
    if _SEGMENT.fullmatch(text):
        return PLACE
    return _PARAMETER.sub(PLACE, text)


@lru_cache(20_000)
def name(text: str) -> str:
    """The name of a span, a tool or a service without what varies: paths in it by their segments, words by form."""
    words = []
    for word in text.split()[:12]:
        if "/" in word:
            words.append(path(word))
        else:
            words.append(segment(word))
    return " ".join(words)[:120]


def path(text: str) -> str:
    """A path or URL without its host and query, with `{}` for its values."""
    plain = text.partition("?")[0].partition("#")[0]
    if "://" in plain:
        plain = "/" + plain.partition("://")[2].partition("/")[2]
    return "/".join(segment(one) for one in plain.rstrip("/").split("/")) or "/"
