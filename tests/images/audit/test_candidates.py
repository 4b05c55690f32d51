"""Candidates: what is compared with what, and what a crowd costs."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tellapart.images.audit import candidates
from tellapart.images.audit.candidates import _Cells, _nearest_cells, propose, rank_in
from tellapart.images.audit.descriptors import Descriptors, Projected, Smalls, describe
from tellapart.images.facts import FACTS


def test_descriptors_of_facts_on_disk_are_those_of_an_array(tmp_path):
    small = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    facts = np.zeros(50, dtype=FACTS)
    rows = np.arange(5, 45)
    facts["small"][rows] = small
    np.save(tmp_path / "facts.npy", facts)
    mapped = describe(Smalls(np.load(tmp_path / "facts.npy", mmap_mode="r"), rows))
    given = describe(small)
    assert isinstance(mapped.vectors, Projected)
    np.testing.assert_array_equal(mapped.vectors[np.array([3, 1])], given.vectors[np.array([3, 1])])
    np.testing.assert_array_equal(mapped.reach, given.reach)


def test_the_judge_decides_what_stays_and_who_is_best():
    vectors = np.zeros((12, 4), dtype=np.float32)

    def judge(pairs):
        return np.where(pairs[:, 0] == 0, pairs[:, 1], np.inf).astype(np.float32)

    every = propose(Descriptors(vectors, np.ones(12, dtype=np.float32)))
    kept = propose(Descriptors(vectors, np.ones(12, dtype=np.float32)), judge=judge)
    assert {tuple(pair) for pair in kept.tolist()} <= {tuple(pair) for pair in every.tolist()}
    assert len(kept)
    assert set(kept[:, 0].tolist()) == {0}


def test_a_cell_of_pictures_that_look_the_same_is_cut_and_stays_linear(monkeypatch):
    monkeypatch.setattr(candidates, "CELL", 50)
    monkeypatch.setattr(candidates, "LARGEST_CELL", 2)
    asked = []

    def counted(excess, probing, members):
        asked.append(excess.size)
        return real(excess, probing, members)

    real = candidates._nearest_within
    monkeypatch.setattr(candidates, "_nearest_within", counted)
    vectors = np.ones((2000, 4), dtype=np.float32)
    found = propose(Descriptors(vectors, np.ones(2000, dtype=np.float32)))
    assert len(found)
    assert sum(asked) <= 2000 * 6 * 250


def test_ranks_are_those_of_sorting_each_group():
    rng = np.random.default_rng(1)
    groups, scores = rng.integers(0, 9, 60), rng.permutation(60).astype(np.float32)
    expected = [int((scores[groups == g] < s).sum()) for g, s in zip(groups, scores, strict=True)]
    assert rank_in(groups, scores).tolist() == expected


@pytest.mark.parametrize("count", [1, 5, 256, 300])  # 300 need two bytes, and several blocks of lists
def test_the_lists_of_all_cells_hold_each_picture_once_a_probe(count):
    rng = np.random.default_rng(count)
    probes = min(3, count)
    nearest = np.stack([rng.permutation(count)[:probes] for _ in range(700)]).T.astype(np.min_scalar_type(count - 1))
    nearest[0, -1] = count - 1  # the last cell is not empty
    cells = _Cells(nearest)
    assert len(cells) == count
    for cell in range(count):
        members, probing = cells.of_cell(cell)
        assert cells.size(cell) == len(members)
        assert members.tolist() == np.flatnonzero(nearest[0] == cell).tolist()
        assert sorted(probing.tolist()) == sorted(np.nonzero(nearest == cell)[1].tolist())


def test_the_cells_are_gone_with_their_last_user():
    nearest = np.zeros((1, 40), dtype=np.uint8)
    cells, there = _Cells(nearest), weakref.ref(nearest)
    cells.of_cell(0)
    gc.disable()  # nothing waits for the collector of cycles
    try:
        del cells, nearest
        assert there() is None
    finally:
        gc.enable()


def test_as_many_bytes_a_cell_as_count_them():
    vectors = np.random.default_rng(0).normal(size=(3000, 2)).astype(np.float32)
    with ThreadPoolExecutor(2) as pool:
        nearest = _nearest_cells(Descriptors(vectors, np.ones(3000, dtype=np.float32)), pool, seed=0)
    assert (nearest.shape, nearest.dtype) == ((3, 3000), np.uint8)
