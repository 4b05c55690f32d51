"""The examples of docs/evaluation.md give what the page says."""

from __future__ import annotations

import doctest
from pathlib import Path

from threadpoolctl import threadpool_limits

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"


def test_the_examples_run():
    with threadpool_limits(1):
        failed, tried = doctest.testfile(
            str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
        )
    assert failed == 0
    assert tried > 30
