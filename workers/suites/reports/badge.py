"""A suite's badge: an SVG of two words, for a README or a dashboard."""

from html import escape

from models import Run, Verdict

LABEL = "tests"
COLOURS = {
    Verdict.PASSED: "#1a7f4b",
    Verdict.FAILED: "#c0392b",
    Verdict.ERRORED: "#c0392b",
    Verdict.FLAKY: "#9a6b00",
}
GREY = "#6b7280"
WORDS = {Verdict.PASSED: "passing", Verdict.FAILED: "failing", Verdict.ERRORED: "failing", Verdict.FLAKY: "flaky"}
# Widths in pixels of Verdana at 11, near enough; `textLength` fits the rest.
WIDE, NARROW, PLAIN = 10.0, 3.6, 6.6
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{title}">
<title>{title}</title>
<clipPath id="r"><rect width="{width}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)">
<rect width="{left}" height="20" fill="#444c56"/>
<rect x="{left}" width="{right}" height="20" fill="{colour}"/>
</g>
<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">
<text x="{left_middle}" y="14" textLength="{left_text}">{label}</text>
<text x="{right_middle}" y="14" textLength="{right_text}">{word}</text>
</g>
</svg>
"""


def badge(run: Run | None) -> bytes:
    """Of the suite's newest run that decided something; None: there is none."""
    verdict = None if run is None or run.verdict is None else Verdict(run.verdict)
    word = "no runs" if verdict is None else _word(verdict, run)
    left_text, right_text = _width(LABEL), _width(word)
    left, right = left_text + 10, right_text + 10
    return SVG.format(
        width=left + right,
        left=left,
        right=right,
        left_middle=left / 2,
        right_middle=left + right / 2,
        left_text=left_text,
        right_text=right_text,
        label=LABEL,
        word=escape(word),
        title=escape(f"{LABEL}: {word}"),
        colour=GREY if verdict is None else COLOURS.get(verdict, GREY),
    ).encode()


def _word(verdict: Verdict, run: Run | None) -> str:
    """`passing`, `3 failing`."""
    counts = run.counts if run is not None else {}
    bad = counts.get(Verdict.FLAKY, 0) if verdict == Verdict.FLAKY else _bad(counts)
    word = WORDS.get(verdict, verdict.value)
    return f"{bad} {word}" if bad and verdict != Verdict.PASSED else word


def _bad(counts: dict[str, int]) -> int:
    return int(counts.get(Verdict.FAILED, 0)) + int(counts.get(Verdict.ERRORED, 0))


def _width(text: str) -> int:
    return round(sum(WIDE if one in "mw" else NARROW if one in "ijl 1" else PLAIN for one in text))
