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
        averaged_from: the (height, width) that the picture gets first, where ``image_size`` is what is left when square
            blocks of that are averaged (rows and columns beyond the last whole block are cut off): a baseline sees the
            network's own pixels, coarser. None where it gets ``image_size`` at once.

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
    averaged_from: tuple[int, int] | None = None

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
        if self.averaged_from is not None:
            height, width = self.averaged_from
            block = max(1, self._block())
            if max(height, width) > 4096 or (height // block, width // block) != self.image_size:
                raise ValueError(
                    f"averaged_from must be image_size, {self.image_size}, times a whole number, and at most 4096 a "
                    f"side, got {self.averaged_from}"
                )
        return self

    def coarser(self, block: int) -> Preprocessing:
        """Return the same followed by the averaging of square blocks.

        Args:
            block: pixels a side, at least 1.

        Example:
            >>> Preprocessing(image_size=(10, 9), channels=1).coarser(4).image_size
            (2, 2)
        """
        height, width = self.image_size
        small = {"image_size": (height // block, width // block), "averaged_from": self.image_size}
        return Preprocessing(**{**self.model_dump(), **small})

    def pixel_key(self) -> str:
        """Return what the resized uint8 pixels depend on: the cache's key, together with the pictures."""
        height, width = self.image_size
        border = f"-{self.background}" if self.resize == "pad" else ""
        first = f"-from-{self.averaged_from[0]}x{self.averaged_from[1]}" if self.averaged_from else ""
        return f"{height}x{width}x{self.channels}-{self.resize}-{self.resample}{border}{first}"

    def resized(self, pixels: NDArray[np.uint8] | Image.Image) -> NDArray[np.uint8]:
        """Return the picture as uint8 of shape (*image_size, channels).

        Args:
            pixels: uint8, (H, W, 1 or 3), or the same as a Pillow image of mode L or RGB.
        """
        image = pixels if isinstance(pixels, Image.Image) else to_image(pixels)
        height, width = self.averaged_from or self.image_size
        mode = "L" if self.channels == 1 else "RGB"
        image = image if image.mode == mode else image.convert(mode)
        image = image if image.size == (width, height) else self._fitted(image, height, width)
        return to_array(self.averaged(image))

    def averaged(self, image: Image.Image) -> Image.Image:
        """Return a picture of the first size with its blocks averaged; as it is where there is but one size."""
        block = self._block()
        height, width = self.image_size
        return image.reduce(block, box=(0, 0, width * block, height * block)) if block > 1 else image

    def _block(self) -> int:
        first = self.averaged_from or self.image_size
        return min(first[0] // self.image_size[0], first[1] // self.image_size[1])

    def _fitted(self, image: Image.Image, height: int, width: int) -> Image.Image:
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
