"""Put published or own weights into a network, and say what was taken and what was left as it was."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ...errors import ModelFileError
from ...progress import TO_LOG, Progress
from ..base import Net, build_outline, nets
from .files import read_weights
from .keras_files import is_keras_file, keras_pixels, read_keras
from .locate import find_weights


@dataclasses.dataclass(frozen=True)
class LoadedWeights:
    """What loading did.

    Attributes:
        source: the file; None where the weights stayed random.
        loaded: names of the parameters and buffers that came from the file.
        fresh: names of those of the head that stayed as they were, the file having another number of classes or none;
            of a dense neck too, where the file ends before it, and of auxiliary heads.
        cut: whether the file has none of those but auxiliary heads.
        auxiliary: whether auxiliary heads alone are fresh.
        unused: names that the file has and the network has no use for, such as left-out auxiliary heads.
        summed: whether the stem's weights were summed over the colours for grey pictures.
        mean: what the weights expect the pixels (0 to 1) to be centred on; None where nothing is published of it.
        std: what they are divided by then.
    """

    source: Path | None
    loaded: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    cut: bool = False
    auxiliary: bool = False
    unused: tuple[str, ...] = ()
    summed: bool = False
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __str__(self) -> str:
        """Say it in one sentence."""
        if self.source is None:
            return "the weights are random"
        said = f"weights from {self.source.name}"
        if self.fresh:
            said += (
                "; the auxiliary heads are fresh"
                if self.auxiliary
                else "; the file has no last layers, which are fresh"
                if self.cut
                else "; the head is fresh, because the number of classes is another"
            )
        return said + ("; the stem's weights are summed over the colours" if self.summed else "")


def load_weights(
    net: Net,
    name: str,
    *,
    where: str = "imagenet",
    offline: bool | None = None,
    exact: bool = False,
    progress: Progress = TO_LOG,
) -> LoadedWeights:
    """Put weights into a network, in place; it is left untouched where they do not fit.

    Where the file has another number of classes, the head stays as it is and ``fresh`` says so. A network for grey
    pictures gets the stem's weights summed over the colours, which is what a grey picture shown as red, green and
    blue would meet, but for what the published means and deviations of the three differ in.

    Args:
        net: made by ``build_net``.
        name: its registered name.
        where: "imagenet", "none", a file's path, "hf:owner/name[/file]" or an https address; the file may be
            safetensors, a PyTorch state dict, or Keras' for a network that Keras publishes.
        offline: forbids to fetch anything; as ``TELLAPART_OFFLINE`` has it where None.
        exact: whether another number of classes is an error.
        progress: is told of a download.

    Returns:
        what was loaded, and what was not.

    Raises:
        ModelFileError: no such file, damaged, of another network, of another variant, of other shapes, or of another
            number of classes.

    Example:
        >>> from tellapart.nets import build_net
        >>> from tellapart.nets.weights import load_weights
        >>> net = build_net("efficientnet_lite0", outputs=2, image_size=(224, 224))
        >>> load_weights(net, "efficientnet_lite0", offline=True).fresh
        ('_fc.weight', '_fc.bias')
    """
    variant = getattr(net, "variant", None)
    if where == "imagenet":
        check_published(name, variant=variant)
    path = find_weights(name, where=where, offline=offline, progress=progress)
    if path is None:
        return LoadedWeights(None)
    _check_own(path, name, variant=variant)
    found = read_keras(path, name, net=net) if is_keras_file(path) else read_weights(path)
    result = match_weights(net, name, found=found, source=path, exact=exact)
    pixels = _pixels_of(name, path, channels=_channels(net))
    if pixels is not None:
        net.expects = pixels
        result = dataclasses.replace(result, mean=pixels[0], std=pixels[1])
    progress.say(str(result))
    if pixels is None and is_keras_file(path):
        progress.warn(
            f"nothing tells which pixels {path.name} expects: they get the training pictures' own mean and deviation. "
            "Keras' published VGG and ResNet are known by their files' names alone: give it that, if it is one of them"
        )
    return result


def _channels(net: Net) -> int:
    """Return how many channels a network's pictures have; 3 for one without convolutions, which has no such weights."""
    stem = next((layer for layer in net.modules() if isinstance(layer, nn.Conv2d)), None)
    return 3 if stem is None else stem.in_channels


def check_published(name: str, *, variant: object) -> None:
    """Raise ModelFileError where a network of this variant computes otherwise than the one whose weights are published.

    Args:
        name: the network's.
        variant: its option; None for the usual one.
    """
    usual = nets.get(name).options.get("variant")
    if usual is not None and variant not in (None, usual):
        raise ModelFileError(
            f"the published weights of {name!r} are of its variant {usual}, and would give other answers in variant "
            f"{variant}: drop the option variant, give a file with --weights, or --weights none"
        )


def check_names(name: str, *, where: str, progress: Progress = TO_LOG) -> None:
    """Raise ModelFileError where there are no such weights, or those of a file have not the names of a network's.

    Args:
        name: the network's.
        where: as in ``load_weights``.
        progress: is told of a download.
    """
    path = find_weights(name, where=where, progress=progress)
    if path is None or where == "imagenet" or is_keras_file(path):
        return
    height, width, channels = nets.get(name).made_for
    net, found = build_outline(name, outputs=2, channels=channels, image_size=(height, width)), read_weights(path)
    _check_names(net.state_dict(), found, name=name, source=path, classes=_class_names(net, found))


def _check_own(path: Path, name: str, *, variant: object) -> None:
    """Raise ModelFileError where a model file of tellapart is of another variant: its tensors have the same shapes."""
    own = _description_in(path)
    usual = nets.get(name).options.get("variant")
    if usual is None or own.get("net") != name:
        return
    there = own.get("options", {}).get("variant", usual)
    if there != (variant or usual):
        raise ModelFileError(
            f"the model {str(path)!r} is of {name!r} in variant {there}, and would give other answers in variant "
            f"{variant or usual}: give --net-option variant={there}"
        )


def expected_pixels(
    name: str, *, where: str = "imagenet", channels: int = 3
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return mean and deviation of the pixels, in units of 0 to 1, that weights expect; None where it is not known.

    What ``load_weights`` loads expects the same, and a classifier whose preprocessing has others is an error.

    Args:
        name: the network's.
        where: as in ``load_weights``.
        channels: 1 or 3; the mean of the three for grey pictures.

    Raises:
        ModelFileError: there are no such weights.

    Example:
        >>> from tellapart.nets.weights import expected_pixels
        >>> expected_pixels("mobilenet", where="none") is None
        True
        >>> [round(255 * value) for value in expected_pixels("efficientnet_lite0")[0]]
        [127, 127, 127]
    """
    if where == "none":
        return None
    path = None if where == "imagenet" else find_weights(name, where=where)  # published weights need not be here yet
    return _pixels_of(name, path, channels=channels)


def _pixels_of(name: str, path: Path | None, *, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    pixels: tuple[tuple[float, ...], tuple[float, ...]] | None
    if path is not None and is_keras_file(path):
        pixels = keras_pixels(name, path)  # never those of the PyTorch weights
    else:
        published = nets.get(name).published
        usual = None if published is None else (published.mean, published.std)
        pixels = (None if path is None else _pixels_in(path)) or usual
    if pixels is None or len(pixels[0]) == channels:
        return pixels
    mean, std = ((sum(values) / len(values),) * channels for values in pixels)
    return mean, std


def _pixels_in(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return mean and deviation of the pixels that a model file of tellapart was trained on; None of any other file."""
    try:
        document = _description_in(path)["preprocessing"]
        return tuple(map(float, document["mean"])), tuple(map(float, document["std"]))
    except (KeyError, ValueError, TypeError):
        return None


def _description_in(path: Path) -> Mapping[str, Any]:
    """Return what a model file of tellapart says of itself; empty for any other file."""
    try:
        with safe_open(path, framework="pt") as file:
            found = json.loads((file.metadata() or {})["tellapart"])
    except (SafetensorError, OSError, KeyError, ValueError, TypeError):
        return {}
    return found if isinstance(found, Mapping) else {}


def match_weights(
    net: Net, name: str, *, found: Mapping[str, Tensor], source: Path, exact: bool = False
) -> LoadedWeights:
    """Put tensors by name into a network, in place, as ``load_weights`` does.

    Args:
        net: made by ``build_net``.
        name: its registered name, for messages.
        found: the tensors.
        source: the file they came from, for messages.
        exact: whether another number of classes is an error.

    Raises:
        ModelFileError: they do not fit.
    """
    own = net.state_dict()
    parameters = {key for key, _ in net.named_parameters()}
    classes, auxiliary = _class_names(net, found), _names_of(net, "auxiliary")
    _check_names(own, found, name=name, source=source, classes=classes)
    _check_depth(own, found, name=name, source=source, classes=classes)
    taken: dict[str, Tensor] = {}
    fresh: list[str] = []
    wrong: list[str] = []
    summed = False
    for key, tensor in own.items():
        given = found.get(key)
        if given is None:
            fresh += [key] if key in classes & parameters else []
        elif given.shape == tensor.shape:
            taken[key] = given
        elif key in classes and given.shape[1:] == tensor.shape[1:]:
            fresh.append(key)
        elif _is_grey(given, tensor):
            taken[key], summed = given.sum(1, keepdim=True), True
        else:
            wrong.append(f"{key} is {_sizes(given)} in the file and {_sizes(tensor)} in the network")
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise ModelFileError(f"the weights in {str(source)!r} have other shapes than {name!r}: {wrong[0]}{more}")
    numbers = {key: tensor for key, tensor in taken.items() if tensor.is_floating_point() and not tensor.is_meta}
    broken = [key for key, tensor in numbers.items() if not tensor.isfinite().all()]
    if broken:
        raise ModelFileError(
            f"the weights in {str(source)!r} are damaged: {broken[0]} holds what is no number or infinite, as after a "
            "training that diverged"
        )
    last = [key for key in fresh if key not in auxiliary]
    if exact and last:
        _refuse_classes(own, found, fresh=last, name=name, source=source)
    with torch.no_grad():
        net.load_state_dict(taken, strict=False)
    unused = tuple(key for key in found if key not in own)
    cut = bool(last) and not any(key in found for key in last)
    alone = bool(fresh) and not last
    return LoadedWeights(source, tuple(taken), tuple(fresh), cut, alone, unused, summed)


def _class_names(net: Net, found: Mapping[str, Tensor]) -> set[str]:
    """Return the names of what may stay fresh: of the head, of an auxiliary one, and of a dense neck that the file
    leaves out whole, as Keras' files without a top do.
    """
    own = _names_of(net, "head") | _names_of(net, "auxiliary")
    neck = net.stages().get("neck")
    if neck is not None and any(isinstance(layer, nn.Linear) for layer in neck.modules()):
        dense = _names_of(net, "neck")
        own |= set() if dense & found.keys() else dense
    return own


def _names_of(net: Net, stage: str) -> set[str]:
    """Return the names of a stage's tensors; none where there is no such stage."""
    stages = net.stages()
    if stage not in stages:
        return set()
    inside = {id(tensor) for tensor in stages[stage].state_dict(keep_vars=True).values()}
    return {key for key, tensor in net.state_dict(keep_vars=True).items() if id(tensor) in inside}


def _check_names(
    own: Mapping[str, Tensor], found: Mapping[str, Tensor], *, name: str, source: Path, classes: set[str]
) -> None:
    # Weight files from before PyTorch 0.4.1 do not count batches; nothing reads the count in inference.
    counted = [key for key in own if not key.endswith("num_batches_tracked")]
    needed = [key for key in counted if key not in classes] or counted  # a network may be nothing but its last layer
    missing = [key for key in needed if key not in found]
    if not missing:
        return
    if len(missing) > len(needed) // 2:
        raise ModelFileError(
            f"the weights in {str(source)!r} are of another network than {name!r}: {len(needed) - len(missing)} of "
            f"its {len(needed)} names are there; the file begins with {next(iter(found))}: choose the network it was "
            "made for with --net"
        )
    raise ModelFileError(
        f"the weights in {str(source)!r} are not whole for {name!r}: {len(missing)} of {len(needed)} names are "
        f"missing, the first {missing[0]}: choose the network it was made for with --net"
    )


def _check_depth(
    own: Mapping[str, Tensor], found: Mapping[str, Tensor], *, name: str, source: Path, classes: set[str]
) -> None:
    """Refuse a file with further layers in the network's own stages, of which it would take a part without a word."""
    stages = {_level(key) for key in own if key not in classes and "." in key}
    modules = {key.rpartition(".")[0] for key in own}  # other tools keep counts beside a layer's weights
    heads = tuple(f"{key.rpartition('.')[0]}." for key in classes)
    further = [
        key
        for key in found
        if _level(key) in stages and key.rpartition(".")[0] not in modules and not key.startswith(heads)
    ]
    if further:
        raise ModelFileError(
            f"the weights in {str(source)!r} are of a deeper or another network than {name!r}, which has no "
            f"{further[0]}: choose the network it was made for with --net"
        )


def _level(key: str) -> str:
    """Return the first part of a tensor's name without its number: "stage" of "stage4.0.weight"."""
    return key.split(".")[0].rstrip("0123456789")


def _refuse_classes(
    own: Mapping[str, Tensor], found: Mapping[str, Tensor], *, fresh: list[str], name: str, source: Path
) -> None:
    key = fresh[-1]
    have = f"has {found[key].shape[0]} classes" if key in found else "has no last layer"
    raise ModelFileError(
        f"the file {str(source)!r} {have}, and this {name!r} has {own[key].shape[0]}: build it with as many outputs, "
        "or train a new head"
    )


def _is_grey(given: Tensor, own: Tensor) -> bool:
    return given.ndim == 4 and own.ndim == 4 and given.shape[1] == 3 and own.shape == (len(given), 1, *given.shape[2:])


def _sizes(tensor: Tensor) -> str:
    return "×".join(str(size) for size in tensor.shape) or "a single number"
