import errno
import os

import numpy as np

from tellapart.images import Dataset
from tellapart.images.arrays import ArrayImages
from tellapart.images.audit import find_repeats
from tellapart.images.cache import scan
from tellapart.images.joined import JoinedImages, joined_facts
from tellapart.images.preprocessing import Preprocessing

SEEN = Preprocessing(image_size=(16, 16), channels=1)


def pictures(pixels, prefix):
    ids = [f"{prefix}{i}" for i in range(len(pixels))]
    return Dataset(ids, ArrayImages(pixels), np.zeros(len(pixels), dtype=np.int64), class_names=("a",))


def test_two_sets_are_one_and_copies_are_found_between_them(tmp_path):
    rng = np.random.default_rng(0)
    smooth = rng.integers(0, 256, (12, 6, 6)).astype(np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    first, second = smooth[:8].copy(), np.concatenate([smooth[8:], smooth[:1], smooth[1:2]])
    first[7] = np.minimum(first[6], 252) + 2  # a changed copy on the same side is not asked for
    second[5] = np.minimum(second[5], 252) + 2
    both = JoinedImages(ArrayImages(first), ArrayImages(second))
    assert len(both) == 14
    np.testing.assert_array_equal(both.load(8).pixels[..., 0], smooth[8])
    np.testing.assert_array_equal(both.select(np.array([9, 0])).load(0).pixels[..., 0], smooth[9])
    assert both.select(np.array([1])).fingerprint() != both.fingerprint()
    assert len(both.with_background(0)) == 14
    facts = scan(pictures(np.concatenate([first, second]), "a"), SEEN, folder=tmp_path).facts
    sides = np.repeat([0, 1], [8, 6])
    assert sorted(map(list, find_repeats(both, facts, sides=sides).families())) == [[0, 12], [1, 13]]
    assert [6, 7] in [family.tolist() for family in find_repeats(both, facts).families()]


def test_the_facts_of_some_and_of_all_follow_one_another_and_leave_no_file(tmp_path):
    rng = np.random.default_rng(0)
    first, second = (
        scan(pictures(rng.integers(0, 256, (n, 8, 8), dtype=np.uint8), "a"), SEEN, folder=tmp_path).facts
        for n in (5000, 3)
    )
    before, rows = sorted(tmp_path.iterdir()), np.arange(5000)[::-1]
    both = joined_facts(first, second, rows=rows, folder=tmp_path)
    np.testing.assert_array_equal(both, np.concatenate([first[rows], second]))
    assert sorted(tmp_path.iterdir()) == before


def test_facts_that_the_disk_has_no_room_for_are_joined_in_memory(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    one = np.arange(3).view([("width", "i8")])
    found = joined_facts(one, one, rows=np.array([2]), folder=tmp_path)
    assert found["width"].tolist() == [2, 0, 1, 2]
    assert not isinstance(found, np.memmap)
