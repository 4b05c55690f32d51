"""scikit-learn's digits: 1,797 handwritten digits of 8×8 pixels.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
"""

from __future__ import annotations

import numpy as np

from ..dataset import Dataset
from .base import source
from .labelled import Part, from_parts


@source("digits", summary="1,797 handwritten digits of 8×8, from scikit-learn")
def digits() -> Dataset:
    """Open the digits; their 17 grey values are spread over 0 to 255, dark ink as the source has it: bright."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = np.round(found.images * (255 / 16)).astype(np.uint8)
    return from_parts([Part(pixels, found.target)], name="digits", where="digits")
