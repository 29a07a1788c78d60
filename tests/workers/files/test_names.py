"""Names of files are any text, and what is kept of them can do no harm."""

import pytest

from infra.errors import NulCharacter
from workers.files.names import cleaned, suffix


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.txt", "a b.txt"),
        ("a\r\nSet-Cookie: x.txt", "aSet-Cookie: x.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\ud800x", "x"),
        ("e\u0301.md", "\u00e9.md"),
        ("  spaced \u00a0 out .csv ", "spaced out .csv"),
        ("", "upload"),
        ("..", "upload"),
        ("a/", "upload"),
        (" . ", "upload"),
    ],
)
def test_only_the_last_part_of_a_path_is_kept_without_hidden_characters(sent: str, kept: str) -> None:
    assert cleaned(sent) == kept


def test_a_long_name_is_cut_between_characters_and_keeps_its_suffix() -> None:
    found = cleaned("ä" * 300 + ".pdf")
    assert found.endswith("ä.pdf") and len(found.encode()) == 254
    assert len(cleaned("x" * 300)) == 255 and len(cleaned("x." + "y" * 300)) == 255


def test_nul_is_refused() -> None:
    with pytest.raises(NulCharacter):
        cleaned("a\0b")


def test_a_suffix_is_the_last_one_in_small_letters() -> None:
    assert [suffix(name) for name in ("a.tar.GZ", "a", "a.b c", "a.", ".env")] == [".gz", "", "", "", ".env"]
