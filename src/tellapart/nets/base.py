"""What every network is, and how one is registered and built by name."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import NetError, OutOfMemoryError, RecipeError, TellapartError
from ..machine import lacks_memory
from ..registry import Registry, check_options


class Net(nn.Module):
    """A network for pictures: a body that embeds a picture, and a head that classifies the embedding.

    A subclass defines ``feature_map``, ``embed``, ``classify`` and ``stages``; ``forward`` embeds, then classifies.
    """

    expects: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """Mean and deviation, in units of 0 to 1, of the pixels that loaded weights expect; None where none were loaded."""

    auxiliary_weight: float = 0.3
    """What the loss of each auxiliary head counts in training, beside the head's own."""

    made_as: str = ""
    """Its registered name and all options: what tells apart networks whose tensors have the same shapes."""

    def feature_map(self, pictures: Tensor) -> Tensor:
        """Return the last spatial map, float32 (N, C, h, w), of pictures (N, channels, H, W).

        Raises:
            NetError: the network has none, because it looks at the pixels as one long row.
        """
        raise NetError(
            f"{type(self).__name__} has no spatial maps: it sees a picture as a row of pixels; "
            "use a net with convolutions, such as 'convnet16'"
        )

    def embed(self, pictures: Tensor) -> Tensor:
        """Return the embedding that the last layer classifies, float32 (N, D)."""
        raise NotImplementedError

    def classify(self, embedding: Tensor) -> Tensor:
        """Return logits (N, outputs) of embeddings (N, D)."""
        raise NotImplementedError

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits, float32 (N, outputs), of pictures, float32 (N, channels, H, W)."""
        return self.classify(self.embed(pictures))

    def all_logits(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return the logits, then those of the auxiliary heads where it has any, each float32 (N, outputs)."""
        return (self(pictures),)

    def stages(self) -> Mapping[str, nn.Module]:
        """Return the network's parts by name, from the input to ``"head"``, each parameter in one of them."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Published:
    """What the literature says of a network with published weights.

    Attributes:
        parameters: with 1,000 classes, auxiliary heads left out.
        top1: ImageNet validation accuracy in percent, of the weights named.
        top5: likewise.
        mean: what the weights expect the pixels (0 to 1) to be centred on, one a channel.
        std: what they are divided by then.
        resample: the filter that the pictures were resized with.
        crop: the fraction of the short side that the central crop keeps: 224 / 256 = 0.875.
        url: where the weight file lies; "" where only a package carries it.
        package: what to install for a copy of the file that needs no download at run time; "" where there is none.
        sha256: the first characters of that file's SHA-256.
    """

    parameters: int
    top1: float
    top5: float
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    resample: str = "bilinear"
    crop: float = 0.875
    url: str = ""
    package: str = ""
    sha256: str = ""


@dataclasses.dataclass(frozen=True)
class NetSpec:
    """A registered network.

    Attributes:
        name: what ``--net`` calls it.
        build: makes it: ``build(outputs=, channels=, image_size=, **options)``.
        summary: one line.
        made_for: the (height, width, channels) that it was made for.
        min_size: the smallest (height, width) that it works on.
        options: further arguments of ``build`` with their defaults.
        published: facts about published weights, where there are any.
    """

    name: str
    build: Callable[..., Net]
    summary: str
    made_for: tuple[int, int, int]
    min_size: tuple[int, int] = (1, 1)
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    published: Published | None = None


nets: Registry[NetSpec] = Registry("net", package="tellapart.nets")
"""All networks by name."""

STANDARD_ARGUMENTS = ("outputs", "channels", "image_size")


def net(
    name: str,
    *,
    summary: str,
    made_for: tuple[int, int, int],
    min_size: tuple[int, int] = (1, 1),
    published: Published | None = None,
) -> Callable[[Callable[..., Net]], Callable[..., Net]]:
    """Register a function or class that builds a network; its own keyword arguments become the net's options."""

    def register(build: Callable[..., Net]) -> Callable[..., Net]:
        parameters = inspect.signature(build).parameters
        options = {key: p.default for key, p in parameters.items() if key not in STANDARD_ARGUMENTS}
        nets.add(name, NetSpec(name, build, summary, made_for, min_size, options, published))
        return build

    return register


def check_dropout(dropout: float) -> None:
    """Raise RecipeError unless ``dropout``, the share of units that is switched off in training, is in [0, 1)."""
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise RecipeError(f"dropout must be at least 0 and below 1, got {dropout!r}: 0.5 is usual, 0 is none")


def check_width(width: float) -> None:
    """Raise RecipeError unless ``width``, a factor on the maps, is above 0."""
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width < math.inf:
        raise RecipeError(f"width must be a factor above 0, got {width!r}: 1 is the published network, 0.5 half of it")


def build_net(
    name: str, *, outputs: int, channels: int = 3, image_size: tuple[int, int], options: Mapping[str, Any] | None = None
) -> Net:
    """Build a registered network with random weights.

    Args:
        name: a registered name.
        outputs: logits at the end: the number of classes, or 1 for one sigmoid over two classes.
        channels: 1 or 3.
        image_size: (height, width) in pixels.
        options: what this network alone understands, such as ``{"dropout": 0.5}``.

    Raises:
        UnknownNameError: no such network.
        NetError: the pictures are too small for it.
        RecipeError: an option that it does not have.
        OutOfMemoryError: its weights are more than the memory takes.

    Example:
        >>> from tellapart.nets import build_net
        >>> net = build_net("convnet16", outputs=55, channels=1, image_size=(80, 60))
        >>> sum(p.numel() for p in net.parameters())
        88375
    """
    spec = nets.get(name)
    options = dict(options or {})
    check_options(f"the net {spec.name!r}", options, known=spec.options)
    _check_size(spec, image_size)
    if channels not in (1, 3) or outputs < 1:
        raise NetError(f"channels must be 1 or 3 and outputs at least 1, got {channels} and {outputs}")
    with _too_large(name, image_size=image_size, options=options):
        built = spec.build(outputs=outputs, channels=channels, image_size=image_size, **options)
    built.made_as = f"{name} {sorted({**spec.options, **options}.items())}"
    built.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs leave this argument out
    return built


def build_outline(
    name: str, *, outputs: int, channels: int, image_size: tuple[int, int], options: Mapping[str, Any] | None = None
) -> Net:
    """Build a registered network without memory for its weights: on PyTorch's device ``meta``.

    Raises:
        NetError: it cannot be built so, as loading its model would have to; and as ``build_net``.

    Example:
        >>> outline = build_outline("lenet5", outputs=10, channels=1, image_size=(32, 32))
        >>> sum(p.numel() for p in outline.parameters()), outline.head.weight.is_meta
        (61706, True)
    """
    try:
        with torch.device("meta"):
            return build_net(name, outputs=outputs, channels=channels, image_size=image_size, options=options)
    except (RuntimeError, NotImplementedError) as error:
        if isinstance(error, TellapartError) or "meta" not in str(error).lower():
            raise
        raise NetError(
            f"the network {name!r} cannot be built without its weights, as when its model is loaded ({error}): compute "
            "its settings with Python's numbers or NumPy's, not with tensors"
        ) from error


@contextlib.contextmanager
def _too_large(name: str, *, image_size: tuple[int, int], options: Mapping[str, Any]) -> Iterator[None]:
    """Turn an allocation that fails, and a size that no number can hold, into advice."""
    try:
        yield
    except (RuntimeError, TypeError, OverflowError, MemoryError) as error:
        if not lacks_memory(error) and not isinstance(error, OverflowError) and "overflow" not in str(error).lower():
            raise
        with_options = f" with {', '.join(f'{key}={value}' for key, value in options.items())}" if options else ""
        raise OutOfMemoryError(
            f"the network {name!r}{with_options} for pictures of {image_size[0]}x{image_size[1]} is larger than the "
            "memory: try a smaller --image-size, or smaller options"
        ) from error


def check_net(name: str, *, options: Mapping[str, Any], image_size: tuple[int, int] | None = None) -> None:
    """Try a network's name, options and picture size, before any picture is read.

    Args:
        name: a registered name.
        options: what this network alone understands.
        image_size: (height, width) in pixels where it is known.

    Raises:
        UnknownNameError: no such network.
        NetError: the pictures are too small for it.
        RecipeError: an option that it does not have, or a value that it does not take.
        OutOfMemoryError: its weights are more than any memory takes.

    Example:
        >>> check_net("lenet5", options={"depth": 3})
        Traceback (most recent call last):
        tellapart.errors.RecipeError: the net 'lenet5' has no option 'depth' (it has none)
    """
    spec = nets.get(name)
    height, width, channels = spec.made_for
    _check_size(spec, image_size or (height, width))
    if options:  # what values they take, the network alone knows
        build_outline(name, outputs=2, channels=channels, image_size=image_size or (height, width), options=options)


def _check_size(spec: NetSpec, image_size: tuple[int, int]) -> None:
    if image_size[0] < spec.min_size[0] or image_size[1] < spec.min_size[1]:
        raise NetError(
            f"image_size must be at least {spec.min_size[0]}x{spec.min_size[1]} for {spec.name!r}, "
            f"got {image_size[0]}x{image_size[1]}: use --image-size or a net for smaller pictures"
        )


def two_logits(logits: Tensor) -> Tensor:
    """Return logits (N, K); where there is one output z for two classes, (N, 2) as (0, z): softmax is its sigmoid."""
    return logits if logits.shape[1] > 1 else torch.cat([torch.zeros_like(logits), logits], dim=1)
