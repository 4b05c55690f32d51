"""The examples of docs/evaluation.md and docs/mistakes.md give what the pages say."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("page", "least"), [("evaluation.md", 30), ("mistakes.md", 10)])
def test_the_examples_run(page, least):
    with threadpool_limits(1):
        failed, tried = doctest.testfile(
            str(DOCS / page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
        )
    assert failed == 0
    assert tried > least
