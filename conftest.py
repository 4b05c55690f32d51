"""For tests and doctests alike: a cache of their own, so that none reads or fills the person's."""

import os
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache() -> Iterator[None]:
    """Span all tests with an empty cache folder that is removed at the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLAPART_CACHE", os.path.join(folder, "cache"))  # noqa: PTH118
        yield
