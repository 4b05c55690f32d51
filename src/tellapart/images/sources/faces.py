"""scikit-image's subset of Labelled Faces in the Wild: 100 faces and 100 pieces without one, 25×25 grey.

Source: G. Huang et al., "Labeled Faces in the Wild", 2007.
"""

from __future__ import annotations

import numpy as np

from ..dataset import Dataset
from .base import source
from .labelled import Part, from_parts


@source("faces", summary="100 faces and 100 other pieces of 25×25, from scikit-image")
def faces() -> Dataset:
    """Open the faces: the first 100 show one."""
    from skimage.data import lfw_subset

    brightness = np.asarray(lfw_subset())  # type: ignore[no-untyped-call]
    pixels = np.round(brightness * 255).astype(np.uint8)
    labels = np.repeat(["face", "no face"], [100, len(pixels) - 100])
    return from_parts([Part(pixels, labels)], name="faces", where="faces")
