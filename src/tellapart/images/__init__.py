"""Pictures come in: one room per idea."""

from .dataset import Dataset, Images, Picture, Splits
from .decode import decode_image
from .sources import open_dataset

__all__ = ["Dataset", "Images", "Picture", "Splits", "decode_image", "open_dataset"]
