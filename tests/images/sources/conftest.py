import numpy as np
import pytest


@pytest.fixture
def pixels(random):
    return random.integers(0, 256, (6, 8, 8), dtype=np.uint8)
