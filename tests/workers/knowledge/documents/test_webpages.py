"""A web page's content, without what surrounds it."""

from pathlib import Path

import pytest

from infra.errors import ParsingTooLarge
from tests.workers.knowledge.documents.makers import written
from workers.knowledge.documents.base import Document
from workers.knowledge.documents.webpages import read

PAGE = """<!doctype html><html lang="en"><head><title>Site - Page</title>
<meta name="author" content="Ann"><style>x{}</style></head><body>
<nav><a href="/">Home</a></nav><script>alert(1)</script>
<main><h1>Install<a class="headerlink" href="#i">¶</a></h1>
<p>Run <code>make</code>&nbsp;in a
<a href="https://example.com">shell</a>.<br>Then wait.</p>
<ul><li>one<ul><li>inner</li></ul></li><li><p>two</p><p>more of two</p></li></ul>
<ol><li>first</li><li>second</li></ol>
<div class="highlight-python"><div><pre><span>def f():</span>
    return 1
</pre></div></div>
<table><caption>Sizes</caption><tr><th>Name</th><th>Size</th></tr><tr><td rowspan="2">a</td><td>1</td></tr>
<tr><td>2</td></tr></table>
<blockquote><p>Said before.</p></blockquote>
<p hidden>unseen</p><p># no heading</p></main><footer>Imprint</footer></body></html>"""

TEXT = """# Install

Run `make` in a shell.
Then wait.

- one
  - inner
- two

  more of two

1. first
2. second

```python
def f():
    return 1
```

Sizes

| Name | Size |
| --- | --- |
| a | 1 |
|  | 2 |

> Said before.

\\# no heading"""


def opened(folder: Path, page: str | bytes) -> Document:
    return read(written(folder, "a.html", page), {})


def test_a_page_becomes_markdown(tmp_path: Path) -> None:
    found = opened(tmp_path, PAGE)

    assert found.text == TEXT
    assert (found.title, found.language, found.metadata) == ("Install", "en", {"author": "Ann"})


def test_a_table_for_the_layout_is_no_table(tmp_path: Path) -> None:
    page = "<table><tr><td><h2>Left</h2>text</td><td><table><tr><td>a</td><td>b</td></tr></table></td></tr></table>"

    assert opened(tmp_path, page).text == "## Left\n\ntext\n\n| a | b |\n| --- | --- |"


def test_the_page_says_its_encoding(tmp_path: Path) -> None:
    page = '<meta charset="koi8-r"><p>Привет'.encode("koi8-r")

    assert opened(tmp_path, page).text == "Привет"


def test_a_page_of_moderate_depth_is_read_and_one_without_a_floor_is_refused(tmp_path: Path) -> None:
    assert opened(tmp_path, "<div>" * 2000 + "deep").text == "deep"
    assert opened(tmp_path, "<ul><li>x" * 500).text.count("x") == 500
    with pytest.raises(ParsingTooLarge):
        opened(tmp_path, "<div>" * 100_000 + "deep")
