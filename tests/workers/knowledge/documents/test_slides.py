"""A PPTX's slides are pages."""

import io
from pathlib import Path

import pptx
from pptx.util import Inches

from tests.workers.knowledge.documents.makers import written
from workers.knowledge.documents.slides import read


def test_each_slide_has_its_title_its_points_its_table_and_its_notes(tmp_path: Path) -> None:
    show = pptx.Presentation()
    first = show.slides.add_slide(show.slide_layouts[1])
    first.shapes.title.text = "Welcome"
    body = first.placeholders[1].text_frame
    body.text = "A point"
    below = body.add_paragraph()
    below.text, below.level = "below it", 1
    first.notes_slide.notes_text_frame.text = "Say hello."
    second = show.slides.add_slide(show.slide_layouts[6])
    table = second.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for number, text in enumerate(["a", "b", "1", "2"]):
        table.cell(number // 2, number % 2).text = text
    out = io.BytesIO()
    show.save(out)

    found = read(written(tmp_path, "a.pptx", out.getvalue()), {})

    assert found.pages == 2
    assert found.title is None
    assert found.text == (
        "## Welcome\n\nA point\n- below it\n\nNotes: Say hello.\n\n\f\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
    )
