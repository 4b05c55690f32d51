"""Pictures that changed since they were read cost a finished run nothing but their place on the page."""

import os
import shutil

import numpy as np
import pytest

from tellapart.errors import SourceError
from tellapart.images import open_dataset
from tellapart.images.facts import FACTS
from tellapart.workflow.statistics import STROKES, statistics_of
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
