"""The example of docs/sources.md works, and each source is named there."""

import re
from pathlib import Path

import numpy as np
import pytest

from tellapart.images import open_dataset
from tellapart.images.sources import sources

PAGE = Path(__file__).parents[3] / "docs" / "sources.md"


@pytest.fixture
def forget():
    sources.names()  # found before, so that only the example is forgotten
    yield
    sources._things.pop("raw", None)


def test_the_example_of_a_new_source(tmp_path, forget):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "@source(" in block]
    exec(compile(code, "sources.md", "exec"), {"__name__": "example"})
    rows = np.arange(3 * 65, dtype=np.uint8).reshape(3, 65)
    (tmp_path / "a.raw").write_bytes(b"head" + rows.tobytes())
    data = open_dataset(tmp_path / "a.raw", header=4)
    assert data.class_names == ("0", "65", "130")
    assert data.images.load(1).pixels[0, 0, 0] == 66


def test_each_named_data_set_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name, spec in sources if spec.claims is None and f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", sorted(name for name, _ in sources))
def test_each_source_says_what_it_is(name):
    spec = sources.get(name)
    assert spec.summary
    assert spec.read.__doc__
