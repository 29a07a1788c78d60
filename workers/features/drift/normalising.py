"""Prompts without what varies by its form alone, and prompts as they may be shown.

In order: Unicode is composed (NFC), invisible characters go, spaces become one, empty lines go. Then

- addresses `name@host` become `<email>`; URLs lose their query and fragment, and segments of their path with digits;
- dates become `<date>` (2026-08-07, 7/8/2026, 7 August 2026, Friday, August 7th), a weekday too where a date stands
  beside it or where it is said to be today's; times of day `<time>`, also with seconds and a zone;
- `<id>` are UUIDs, hexadecimal words of 8 and more with a digit, codes of letters and digits behind `_`, `-` or `#`
  (ord_8f3a91, INV-2024-0017) and numbers of 6 digits and more; `<ip>` and `<phone>` are what they say.

Other numbers stay: "at most 3 sentences" and "refunds up to $50" are instructions. Quoted words stay for the same
reason, as do placeholders that nobody filled in. What varies without a form of its own (names, plans, passages that
were looked up) is learnt from the prompts of one call site: templates.py.
"""

import re
import unicodedata
from functools import lru_cache

# A longer prompt is told by its beginning and its end.
LONGEST, LAST = 20_000, 4_000
MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)"
)
DAY = r"(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs?)?|Fri|Sat(?:ur)?|Sun)(?:day)?"
NUMBERED = r"\d{1,2}(?:st|nd|rd|th)?"
CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[ap]\.?m\b\.?)?(?: ?(?:Z|UTC|GMT|CEST?|[+-]\d{2}:?\d{2})\b)?"
DATE = (
    rf"(?:{DAY},? )?(?:\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]{CLOCK})?|\d{{1,2}}[./]\d{{1,2}}[./](?:\d{{4}}|\d{{2}})"
    rf"|{NUMBERED}\.? (?:of )?{MONTH}\b(?:,? \d{{4}})?|{MONTH}\.? {NUMBERED}\b(?:,? \d{{4}})?)(?: \({DAY}\))?"
)
_RULES = (
    ("url", r"\b[a-z][a-z0-9+.-]{1,11}://[^\s\"'<>)\]}]+"),
    ("email", r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    ("id", r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"),
    ("date", rf"(?<![\w-]){DATE}(?![\w-])"),
    ("time", rf"(?<![\w:]){CLOCK}(?![\w:])"),
    ("ip", r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"),
    ("phone", r"(?<!\w)\+\d{1,3}[ .-]?(?:\(?\d{2,4}\)?[ .-]?){2,4}\d{2,4}(?!\w)"),
    ("id2", r"(?<![\w-])(?=[a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{8,}(?![\w-])"),
    ("id3", r"(?<![\w-])[A-Za-z]{1,12}[_#-](?=[A-Za-z]*\d[A-Za-z]*\d)[A-Za-z0-9]{4,}(?:[_-][A-Za-z0-9]+)*(?![\w-])"),
    ("id4", r"(?<![\w.-])#?\d{6,}(?![\w-])"),
)
_VARIES = re.compile("|".join(f"(?P<{name}>{rule})" for name, rule in _RULES))
_TODAY = re.compile(rf"(?i)\b(today(?:'s date)?|tomorrow|yesterday|the current day|the day)( is|:| was) {DAY}\b")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ud800-\udfff\x00-\x08\x0b-\x1f\x7f]")
_SEGMENT = re.compile(r"(?<=/)[^/]*\d[^/]*")
_SECRET = re.compile(
    r"\b(?:sk|pk|rk|ghp|gho|xox[abp]|AKIA|eyJ|AIza)[-_A-Za-z0-9.]{12,}|(?i:\bbearer\s+)[\w.~+/-]{8,}=*"
    r"|(?i:\b(?:password|passwd|secret|api[-_ ]?key|token)\b\s*(?:is|[:=])\s*)[^\s,;]{4,}"
    r"|(?<![\w+/-])(?=[\w+/-]*\d)(?=[\w+/-]*[a-z])(?=[\w+/-]*[A-Z])[\w+/-]{24,}={0,2}(?![\w+/-])"
)


def normalise(text: str) -> str:
    """The prompt's lines without what varies, one space between words."""
    return _normalised(text if len(text) <= LONGEST else f"{text[: LONGEST - LAST]}\n{text[-LAST:]}")


@lru_cache(500)
def _normalised(text: str) -> str:
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")))
    text = "\n".join(words for line in text.split("\n") if (words := " ".join(line.split())))
    return _TODAY.sub(r"\1\2 <date>", _VARIES.sub(_name, text))


def _name(found: re.Match[str]) -> str:
    name = (found.lastgroup or "").rstrip("0123456789")
    return _address(found.group()) if name == "url" else f"<{name}>"


def _address(url: str) -> str:
    plain = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, _, rest = plain.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}{_SEGMENT.sub('<id>', slash + path)}"


def shown(text: str) -> str:
    """The text as people may see it: without what looks like a secret, and without addresses of people."""
    return re.sub(_RULES[1][1], "<email>", _SECRET.sub("<secret>", text))
