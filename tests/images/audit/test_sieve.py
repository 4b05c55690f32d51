"""The sieve: 16×16 pictures alone tell most look-alikes from copies."""

import numpy as np
import pytest
from PIL import Image

from tellapart.images.audit.alignment import small_residual
from tellapart.images.audit.sieve import Sieve, aligned_residual, judged_by_alignment
from tellapart.images.dataset import Picture
from tellapart.images.facts import FACTS, facts_of

Resampling = Image.Resampling


@pytest.fixture(scope="module")
def photographs():
    from skimage import data

    whole = [data.chelsea(), data.astronaut(), data.coffee(), data.rocket()]
    return [picture[top : top + 200, left : left + 200] for picture in whole for top in (0, 90) for left in (0, 150)]


def facts(pictures):
    return np.array([facts_of(Picture(np.ascontiguousarray(p), mode="RGB")) for p in pictures], dtype=FACTS)


def test_copies_trimmed_by_two_and_three_percent_pass_and_other_pictures_do_not(photographs):
    own = facts(photographs)["small"]
    for trim in (4, 6):
        copies = facts([picture[trim:-trim, trim:-trim] for picture in photographs])["small"]
        assert np.isfinite(judged_by_alignment(own, copies)).all()
        left = aligned_residual(own.astype(np.float32), copies.astype(np.float32))
        assert (left < small_residual(own, copies)).all()
    assert np.isinf(judged_by_alignment(own, np.roll(own, 1, axis=0))).all()


def test_a_known_shift_is_undone():
    rows, columns = np.mgrid[:16, :16] / 16
    first = (128 + 80 * np.sin(5 * columns) * np.cos(4 * rows))[None].astype(np.float32)
    second = (128 + 80 * np.sin(5 * (columns + 0.05)) * np.cos(4 * rows))[None].astype(np.float32)
    assert aligned_residual(first, second)[0] < 0.01


def test_tiny_pictures_pass_where_all_but_equal_and_of_one_size():
    rng = np.random.default_rng(0)
    base = rng.integers(20, 230, (20, 20), dtype=np.uint8)
    near, far = base + np.uint8(1), base.copy()
    far[:8] += np.uint8(20)
    other = np.asarray(Image.fromarray(base).resize((24, 24), Resampling.BILINEAR))
    found = facts([picture[..., None] for picture in (base, near, far, other)])
    judge = Sieve(found, np.arange(4), np.ones(4, dtype=bool))
    scores = judge(np.array([[0, 1], [0, 2], [0, 3]]))
    assert np.isfinite(scores).tolist() == [True, False, False]
    assert len(judge(np.zeros((0, 2), dtype=np.int64))) == 0
