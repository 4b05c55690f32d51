"""Pictures come in: one room per idea."""

from .dataset import Dataset, Images, Splits
from .decode import decode_image
from .picture import Picture
from .preprocessing import Preprocessing
from .sources import open_dataset
from .split import split

__all__ = ["Dataset", "Images", "Picture", "Preprocessing", "Splits", "decode_image", "open_dataset", "split"]
