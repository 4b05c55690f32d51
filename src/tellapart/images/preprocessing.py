"""Preprocessing: how a picture of any size becomes what a network sees. Part of every model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator

from .picture import to_array, to_image

Grey = Annotated[int, Field(ge=0, le=255)]
Resize = Literal["stretch", "crop", "pad"]
Resample = Literal["nearest", "box", "bilinear", "bicubic", "lanczos"]


class Preprocessing(BaseModel):
    """From uint8 (H, W, 1 or 3) of any size to the float32 that a network was trained on.

    First the picture gets ``image_size`` and ``channels`` and stays uint8: that much is done once and kept in the
    cache. Then, on the batch and inside the model, ``(pixels / 255 − mean) / std``.

    Attributes:
        image_size: (height, width) in pixels.
        channels: 1 (grey: ITU-R 601 luma) or 3.
        resize: "stretch" fills the size and forgets the shape; "crop" keeps the shape and cuts the sides;
            "pad" keeps the shape and adds borders of ``background``.
        resample: the filter, Pillow's; all but "nearest" are antialiased.
        background: the grey value, 0 to 255, or (red, green, blue), of borders and under transparency.
        mean: one a channel, in units of 0 to 1.
        std: likewise.

    Example:
        >>> import numpy as np
        >>> spec = Preprocessing(image_size=(8, 6), channels=1)
        >>> spec.resized(np.zeros((20, 20, 3), dtype=np.uint8)).shape
        (8, 6, 1)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image_size: tuple[int, int]
    channels: Literal[1, 3] = 3
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    background: Grey | tuple[Grey, Grey, Grey] = 255
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("channels", 3) in (1, 3):
            channels = values.get("channels", 3)
            values = {**values, "mean": values.get("mean") or (0.0,) * channels}
            values["std"] = values.get("std") or (1.0,) * channels
        return values

    @model_validator(mode="after")
    def _check(self) -> Preprocessing:
        if min(self.image_size) < 1 or max(self.image_size) > 4096:
            raise ValueError(f"image_size must be 1 to 4096 a side, got {self.image_size}")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ValueError(f"mean and std must have {self.channels} values, got {self.mean} and {self.std}")
        if min(self.std) <= 0:
            raise ValueError(f"std must be above 0, got {self.std}")
        return self

    def pixel_key(self) -> str:
        """Return what the resized uint8 pixels depend on: the cache's key, together with the pictures."""
        height, width = self.image_size
        border = f"-{self.background}" if self.resize == "pad" else ""
        return f"{height}x{width}x{self.channels}-{self.resize}-{self.resample}{border}"

    def resized(self, pixels: NDArray[np.uint8] | Image.Image) -> NDArray[np.uint8]:
        """Return the picture as uint8 of shape (*image_size, channels).

        Args:
            pixels: uint8, (H, W, 1 or 3), or the same as a Pillow image of mode L or RGB.
        """
        image = pixels if isinstance(pixels, Image.Image) else to_image(pixels)
        height, width = self.image_size
        mode = "L" if self.channels == 1 else "RGB"
        image = image if image.mode == mode else image.convert(mode)
        return to_array(image if image.size == (width, height) else self._fitted(image))

    def _fitted(self, image: Image.Image) -> Image.Image:
        height, width = self.image_size
        filter_ = Image.Resampling[self.resample.upper()]
        if self.resize == "stretch":
            return image.resize((width, height), filter_)
        across, down = width / image.width, height / image.height
        if self.resize == "crop":
            scale = max(across, down)
            # Rounding may leave the whole picture's box a hair outside of it, which Pillow refuses.
            left = max(0.0, (image.width - width / scale) / 2)
            top = max(0.0, (image.height - height / scale) / 2)
            box = (left, top, min(image.width, left + width / scale), min(image.height, top + height / scale))
            return image.resize((width, height), filter_, box=box)
        scale = min(across, down)
        inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        colour = self.background if isinstance(self.background, tuple) else (self.background,) * 3
        canvas = Image.new("RGB", (width, height), colour).convert(image.mode)
        canvas.paste(image.resize(inner, filter_), ((width - inner[0]) // 2, (height - inner[1]) // 2))
        return canvas
