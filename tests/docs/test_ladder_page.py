"""The recipe that docs/ladder.md shows is the one that it names."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_recipe_shown_is_the_file():
    page = (ROOT / "docs" / "ladder.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    file = ROOT / "benchmarks" / "cats_vs_dogs" / "features.toml"
    assert tomllib.loads(shown) == tomllib.loads(file.read_text(encoding="utf-8"))
