"""For tests and doctests alike: a cache and a temporary folder of their own, of which nothing is left at the end."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # what is claimed bit for bit is claimed of a CPU


@pytest.fixture(scope="session", autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Span all tests with an empty cache and an empty temporary folder, which are removed at the end."""
    tmp_path_factory.getbasetemp()  # pytest's own stays where a person looks for it
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, pytest.MonkeyPatch.context() as patch:
        temporary = Path(folder, "tmp")
        temporary.mkdir()
        patch.setenv("TELLAPART_CACHE", str(Path(folder, "cache")))
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", str(temporary))
        yield


@pytest.fixture(autouse=True)
def own_plugins() -> Iterator[None]:
    """Forget afterwards which plugins a test was given: commands that are advised name them."""
    from tellapart.registry import loaded_plugins

    before = list(loaded_plugins)
    yield
    loaded_plugins[:] = before
