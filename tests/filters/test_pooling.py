"""Pooling against PyTorch and by hand."""

import numpy as np
import pytest
import torch

from tellapart.errors import DataError, RecipeError
from tellapart.filters import average_pool, max_pool

RNG = np.random.default_rng(5)
GRID = np.array([[3, 2, -3, 2], [1, 6, 20, 5], [4, -13, 2, 6], [-2, 3, 9, 3]])


def test_the_worked_example():
    assert average_pool(GRID).tolist() == [[3, 6], [-2, 5]]
    assert max_pool(GRID).tolist() == [[6, 20], [4, 9]]


@pytest.mark.parametrize("window", [1, 2, 3, (2, 5), 4])
@pytest.mark.parametrize("stride", [None, 1, (3, 2)])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_equal_to_pytorch(window, stride, padding):
    pictures = RNG.standard_normal((2, 13, 11, 3))
    tensor = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    if padding > np.min(window) // 2:
        with pytest.raises(RecipeError, match="half the window"):
            max_pool(pictures, window, stride=stride, padding=padding)
        return
    theirs = torch.nn.functional.max_pool2d(tensor, window, stride=stride, padding=padding)
    ours = max_pool(pictures, window, stride=stride, padding=padding)
    assert (ours == theirs.permute(0, 2, 3, 1).numpy()).all()
    for counted in (False, True):
        theirs = torch.nn.functional.avg_pool2d(
            tensor, window, stride=stride, padding=padding, count_include_pad=counted
        )
        ours = average_pool(pictures, window, stride=stride, padding=padding, count_border=counted)
        assert np.allclose(ours, theirs.permute(0, 2, 3, 1).numpy())


def test_types_and_shapes():
    assert max_pool(np.full((4, 4), 200, dtype=np.uint8)).dtype == np.uint8
    assert max_pool(np.full((3, 3), -5, dtype=np.int8), 3, stride=1, padding="same").max() == -5
    assert average_pool(np.full((4, 4), 255, dtype=np.uint8)).tolist() == [[255, 255], [255, 255]]
    assert max_pool(np.zeros((5, 5), dtype=bool), 3, stride=2).shape == (2, 2)
    assert average_pool(np.ones((5, 5, 2)), 3, stride=1, padding="same").tolist() == np.ones((5, 5, 2)).tolist()


def test_what_cannot_be_is_refused():
    with pytest.raises(DataError, match="larger"):
        max_pool(GRID, 5)
    with pytest.raises(RecipeError, match="window"):
        average_pool(GRID, 0)
    with pytest.raises(DataError, match="real"):
        max_pool(GRID.astype(complex))


def test_the_mean_of_a_large_window_of_white_is_white():
    assert average_pool(np.full((512, 512), 255, np.uint8), 512) == 255
