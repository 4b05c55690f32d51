"""A desk for the pages and examples: a folder with pictures of every kind that they name, and a finished run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tellapart.features.base import features
from tellapart.images.sources.base import sources
from tellapart.nets import nets


@pytest.fixture(scope="session")
def furnished(tmp_path_factory) -> Path:
    """The pictures and the run, made once."""
    import tellapart

    folder = tmp_path_factory.mktemp("desk")
    found = load_digits()
    for name, digit in (("cat", 1), ("dog", 0)):
        (folder / "photos" / name).mkdir(parents=True)
        for number in np.flatnonzero(found.target == digit)[:40]:
            pixels = (found.images[number] * (255 / 16)).astype(np.uint8)
            Image.fromarray(pixels).resize((16, 16)).save(folder / "photos" / name / f"{number}.png")
    Image.fromarray(pixels).save(folder / "one.jpg")
    Image.fromarray(pixels.astype(np.uint16) * 16).save(folder / "a.tif")  # of a 12-bit camera
    (folder / "scans").mkdir()
    for name in ("A_1_cat", "A_2_dog", "B_1_cat"):  # site, patient, class
        (folder / "scans" / f"{name}.png").write_bytes((folder / "photos" / "cat" / "1.png").read_bytes())
    (folder / "stacks" / "cat").mkdir(parents=True)
    page = Image.fromarray(pixels.astype(np.uint16) * 16)
    page.save(folder / "stacks" / "cat" / "a.tif", save_all=True, append_images=[page, page])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLAPART_CACHE", str(folder / "cache"))
        recipe = tellapart.Recipe.make(net={"name": "softmax"}, training={"epochs": 3}, baselines=[])
        tellapart.train("digits", recipe, out=folder / "runs" / "digits")
    return folder


@pytest.fixture
def desk(furnished, tmp_path, monkeypatch) -> Iterator[Path]:
    """The working directory, with the pictures and the run; what is registered there is forgotten afterwards."""
    for name in ("photos", "runs", "one.jpg", "a.tif", "scans", "stacks"):
        (tmp_path / name).symlink_to(furnished / name)
    (tmp_path / "runs").unlink()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "digits").symlink_to(furnished / "runs" / "digits")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELLAPART_CACHE", str(furnished / "cache"))
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0}, raising=False)  # tiny networks: one thread is quickest
    before = {registry: (registry.names(), dict(registry._things))[1] for registry in (nets, sources, features)}
    yield tmp_path
    for registry, things in before.items():
        registry._things = things
