"""What the tests of sources share."""

import numpy as np


def loaded(data):
    return np.stack([data.images.load(i).pixels for i in range(len(data))])
