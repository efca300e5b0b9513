"""The notebooks of tutorials: valid files whose code gives the outputs that they show."""

from __future__ import annotations

import base64
import json
import sys

import processes
import pytest
from common import ROOT

pytest.importorskip("matplotlib")
sys.path.insert(0, str(ROOT / "docs" / "_ext"))
import notebooks

PAGE = """# A page

Text with [a link](../how-to/tune.md), [another](https://example.org/x) and [an anchor](#here).

```python
import matplotlib.pyplot as plt

a = 6
print(a * 7)
```

    what the author wrote

    and more

Not a part of the output.

<!-- continues -->
<!-- raises: KeyError -->
```python
{}["a"]
```

<!-- continues -->
```python
plt.plot([1, 2])
a + 1
```
"""


def code(notebook):
    """The code of a notebook as one program."""
    return "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")


def printed(notebook):
    """All that a notebook shows as text of stdout."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    return "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")


@pytest.fixture(scope="module")
def page():
    found = notebooks.cells(PAGE)
    notebooks.run(found, "tutorials/page")
    return found


def test_a_page_shows_what_its_blocks_give(page):
    text = notebooks.as_page(page, "page", "../")
    assert text.startswith("# A page\n\n{download}`")
    assert "author wrote" not in text
    assert "and more" not in text
    assert "<!--" not in text
    assert "\n42\n" in text
    assert "\nKeyError: 'a'\n" in text
    assert "\n7\n" in text
    assert "{image} ../notebooks/page-1.png" in text
    assert text.index("\n42\n") < text.index("Not a part of the output.") < text.index("KeyError")


def test_a_notebook_has_the_same(page):
    made = notebooks.as_notebook(page, "https://host/docs/tutorials")
    assert json.loads(json.dumps(made)) == made
    assert printed(made) == "42\nKeyError: 'a'\n7\n"
    kinds = [cell["cell_type"] for cell in made["cells"]]
    assert kinds == ["markdown", "code", "markdown", "code", "code"]
    assert [cell["metadata"] for cell in made["cells"]][3] == {"tags": ["raises-exception"]}
    picture = made["cells"][4]["outputs"][1]["data"]["image/png"]
    assert base64.b64decode(picture)[:8] == b"\x89PNG\r\n\x1a\n"
    text = "".join(made["cells"][0]["source"])
    assert "(https://host/docs/how-to/tune.md)" in text
    assert "(https://example.org/x)" in text
    assert "(#here)" in text


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("x = 1\nx.y", "page.md: the block at line 3 raised AttributeError"),
        ("import sys\nsys.exit(0)", "page.md: the block at line 3 raised SystemExit"),
        ("import warnings\nwarnings.warn('old')", "page.md: the block at line 3 raised UserWarning: old"),
    ],
)
def test_a_block_that_fails_ends_the_build(block, message):
    with pytest.raises(RuntimeError, match=message):
        notebooks.run(notebooks.cells(f"# T\n```python\n{block}\n```\n"), "page")


def test_an_error_that_does_not_come_ends_the_build():
    with pytest.raises(RuntimeError, match="the block at line 3 must raise KeyError"):
        notebooks.run(notebooks.cells("<!-- raises: KeyError -->\n```python\na = 1\n```\n"), "page")


def test_the_first_tutorial_is_a_notebook_whose_code_prints_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.setenv("NBTRAIN_QUIET", "1")
    page = notebooks.cells((ROOT / "docs" / "tutorials" / "first-network.md").read_text(encoding="utf-8"))
    notebooks.run(page, "tutorials/first-network")
    made = notebooks.as_notebook(page, "https://host/docs/tutorials")
    (tmp_path / "lesson.py").write_text("import matplotlib\nmatplotlib.use('Agg')\n" + code(made), encoding="utf-8")
    done = processes.run([sys.executable, "-W", "error", "lesson.py"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = printed(made).splitlines()
    assert [line for line in shown if not line.startswith("<History of 5 ")] == done.stdout.splitlines()
    pictures = [output for cell in made["cells"] for output in cell.get("outputs", ()) if "image/png" in str(output)]
    assert len(pictures) == 1
