"""Pictures that changed since they were read cost a finished run nothing but their place on the page."""

import os
import shutil

import numpy as np
import pytest

from tellapart.errors import SourceError
from tellapart.images import open_dataset
from tellapart.images.arrays import ArrayImages
from tellapart.images.dataset import Dataset
from tellapart.images.facts import FACTS, facts_of
from tellapart.images.picture import Picture
from tellapart.run import Run
from tellapart.workflow.statistics import STROKES, load_statistics, statistics_of
from tellapart.workflow.thumbnails import _loaded


def test_pictures_of_an_archive_that_was_touched_are_left_out(pictures, tmp_path):
    pictures(tmp_path / "photos", count=2)
    data = open_dataset(shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path / "photos"))
    assert len(list(_loaded(data, data.ids.tolist()))) == 4
    os.utime(tmp_path / "photos.zip", (1, 1))
    with pytest.raises(SourceError, match="has changed since it was opened"):
        data.images.load(0)
    assert not list(_loaded(data, data.ids.tolist()))
    numbers = statistics_of(data, np.zeros(4, dtype=FACTS), np.arange(4), strokes=True)
    assert np.isnan(numbers[STROKES]).all()


def test_the_width_of_strokes_is_in_hundredths_of_the_longer_side():
    pixels = np.full((3, 64, 32, 1), 255, dtype=np.uint8)
    pixels[:, 10:54, 14:18] = 0  # a line four pixels wide
    facts = np.stack([facts_of(Picture(one, mode="L")) for one in pixels])
    data = Dataset(list("abc"), ArrayImages(pixels), [0, 1, 0], class_names=("x", "y"))
    numbers = statistics_of(data, facts, np.array([0, 2]), strokes=True)
    assert numbers[STROKES] == pytest.approx([100 * 4 / 64] * 2, rel=0.1)
    assert numbers["brightness"] == pytest.approx([pixels[0].mean()] * 2, rel=1e-3)


def test_a_run_keeps_the_numbers_of_its_own_test_pictures(trained):
    run = Run.open(trained)
    assert len(load_statistics(run)["brightness"]) == len(run.load("splits")["test"])
