"""Groups in flat arrays."""

import numpy as np

from tellapart.images.audit.groups import first_of_equal, groups_of


def test_groups_are_those_of_a_dictionary():
    rng = np.random.default_rng(0)
    keys = rng.integers(0, 40, 100).astype(np.uint64)
    first = first_of_equal(keys, np.zeros(100, np.uint64))
    groups: dict[int, list[int]] = {}
    for position, key in enumerate(keys.tolist()):
        groups.setdefault(key, []).append(position)
    expected = sorted(members for members in groups.values() if len(members) > 1)
    assert [group.tolist() for group in groups_of(first)] == expected
    assert first.tolist() == [groups[key][0] for key in keys.tolist()]


def test_both_halves_of_a_key_count():
    low, high = np.array([1, 1, 2, 1], np.uint64), np.array([5, 6, 5, 5], np.uint64)
    assert first_of_equal(low, high).tolist() == [0, 1, 2, 0]


def test_some_groups_are_chosen_by_mask_slice_and_number():
    groups = groups_of(np.array([0, 1, 0, 1, 4, 4, 4]))
    assert [group.tolist() for group in groups.chosen(np.array([False, True, True]))] == [[1, 3], [4, 5, 6]]
    assert [group.tolist() for group in groups[:2]] == [[0, 2], [1, 3]]
    assert groups[-1].tolist() == [4, 5, 6]
    assert len(groups_of(np.arange(5))) == 0
    assert len(groups_of(np.arange(0))) == 0
