"""Cutting scripts at semicolons that are none of a quote's, comment's, routine's or row's; each piece has its line."""

import pytest

from workers.sql.statements import Script


def cut(text: str, dialect: str = "postgres") -> list[tuple[int, str]]:
    return [(one.line, one.text.strip()) for one in Script(text.encode(), dialect).statements()]


@pytest.mark.parametrize(
    ("text", "dialect", "pieces"),
    [
        ("SELECT 'a;''b' ; SELECT \"c;d\"", "postgres", ["SELECT 'a;''b'", 'SELECT "c;d"']),
        ("SELECT 'c:\\'; SELECT E'\\';'", "postgres", ["SELECT 'c:\\'", "SELECT E'\\';'"]),
        ("SELECT 'a\\';b'; SELECT `c;d` # e;\n", "mysql", ["SELECT 'a\\';b'", "SELECT `c;d` # e;"]),
        ("SELECT [a;b]; SELECT 1", "tsql", ["SELECT [a;b]", "SELECT 1"]),
        ("SELECT $$a;$$, $x$ $$;$x$; SELECT a[1]", "postgres", ["SELECT $$a;$$, $x$ $$;$x$", "SELECT a[1]"]),
        ("/* a /* b; */ c; */ SELECT 1 -- d;\n; SELECT 2", "postgres", ["SELECT 1 -- d;", "SELECT 2"]),
        ("\\connect x\nSELECT 1;\n\\.\nSELECT 2", "postgres", ["SELECT 1", "SELECT 2"]),
        ("COPY a FROM stdin;\n1;'\n\\.\nSELECT 1", "postgres", ["COPY a FROM stdin", "SELECT 1"]),
        ("INSERT INTO a VALUES (';', 'b''');\nSELECT 1", "postgres", ["SELECT 1"]),
        ("SELECT 1\nGO\nINSERT INTO a VALUES (1)\nGO\nSELECT 2", "tsql", ["SELECT 1", "SELECT 2"]),
        ("PROMPT it's done\nSELECT 1\n/\nSELECT 2", "oracle", ["SELECT 1", "SELECT 2"]),
        ("DELIMITER ;;\nCREATE TRIGGER x; y ;;\nDELIMITER ;\nSELECT 1", "mysql", ["SELECT 1"]),
        (
            "CREATE TRIGGER t BEGIN DELETE FROM a; SELECT CASE WHEN 1 THEN 2 END; END; SELECT 1",
            "sqlite",
            ["CREATE TRIGGER t BEGIN DELETE FROM a; SELECT CASE WHEN 1 THEN 2 END; END", "SELECT 1"],
        ),
    ],
)
def test_a_semicolon_ends_a_statement_only_where_it_is_one(text: str, dialect: str, pieces: list[str]) -> None:
    assert [piece for _, piece in cut(text, dialect)] == pieces


def test_each_statement_knows_its_line() -> None:
    text = "\n-- one;\nSELECT 1;\nINSERT INTO a VALUES (1,\n2);\n\nSELECT\n2;\nCREATE TABLE a (\nx int)\nCREATE TABLE b"
    assert [line for line, _ in cut(text)] == [3, 7, 9, 11]


def test_a_quote_that_never_ends_spoils_only_its_statement() -> None:
    script = Script(b"SELECT 'open;\nSELECT 2;\nCREATE TABLE a (x int);", "postgres")
    pieces = [one.text.strip() for one in script.statements()]
    assert script.unclosed == [1] and pieces == ["SELECT 'open", "SELECT 2", "CREATE TABLE a (x int)"]
