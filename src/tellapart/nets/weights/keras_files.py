"""Read the weights that Keras wrote, for the networks that Keras publishes too.

Three kinds of file: HDF5 with a group a layer (Keras 1 and 2, and its published weights), HDF5 with numbered
variables (Keras 3, ``.weights.h5``), and ``.keras``, a zip with one of the latter.

Against PyTorch, Keras keeps convolutions as (height, width, in, out) and dense layers as (in, out); flattens maps last
axis last; gives ResNet's convolutions a bias, which is moved into the mean of the normalisation after them; and leaves
out the scale of Inception's normalisation, which is 1.
"""

from __future__ import annotations

import io
import itertools
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import ModelFileError
from ..base import Net
from .files import advice
from .keras_names import NETS, VARIANTS, as_of_today, keras_layers, numbered

Array = NDArray[np.float32]

MOST_NUMBERS = 2**30
"""Of all arrays of a file: Keras' largest published network, VGG-19, has 144 million."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_INSIDE = "model.weights.h5"
# Batch normalisation's epsilon in Keras' ResNets less ours: the variance takes the difference up.
_RESNET_EPSILON = 1.001e-5 - 1e-5


def is_keras_file(path: Path) -> bool:
    """Return whether a file is HDF5 or a ``.keras`` archive, by its content."""
    try:
        with path.open("rb") as file:
            if file.read(8) == _HDF5:
                return True
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return _INSIDE in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def keras_pixels(name: str, path: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return mean and standard deviation, in units of 0 to 1, that Keras' own published weights expect.

    VGG and ResNet are published with other pixels than Keras' users give to networks of their own: only a file that
    has its published name is known to hold those, and None is returned for others.

    Example:
        >>> from pathlib import Path
        >>> from tellapart.nets.weights.keras_files import keras_pixels
        >>> keras_pixels("xception", Path("xception_weights_tf_dim_ordering_tf_kernels.h5"))
        ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    """
    if not _is_caffe(name):
        return (0.5,) * 3, (0.5,) * 3
    if "_weights_tf_" not in path.name:
        return None
    return (123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255,) * 3


def read_keras(path: Path, name: str, *, net: Net) -> dict[str, Tensor]:
    """Return the weights of a Keras file under our names and in PyTorch's order of axes.

    Keras' own published files of VGG and ResNet expect blue, green, red: their stem is turned to red, green, blue.

    Args:
        path: an ``.h5`` or ``.keras`` file.
        name: the network's registered name.
        net: the network, which says the names and shapes.

    Returns:
        float32 tensors; layers that the file does not have are left out.

    Raises:
        ModelFileError: a network that Keras does not publish, a variant that computes otherwise, or a damaged file.
    """
    if name not in NETS:
        raise ModelFileError(
            f"{str(path)!r} is a Keras file, and {name!r} is no network that Keras has: use one of {', '.join(NETS)}"
        )
    variant = VARIANTS.get(name)
    if variant is not None and getattr(net, "variant", None) != variant:
        raise ModelFileError(
            f"{str(path)!r} is a Keras file, and this {name!r} does not compute as Keras does: build it with the "
            f"option variant={variant}"
        )
    stored = keras_arrays(path)
    own = {key: tensor for key, tensor in net.state_dict().items() if not key.startswith("AuxLogits")}
    found = converted(own, stored, name=name, path=path)
    if not found:
        raise ModelFileError(
            f"the Keras file {str(path)!r} does not hold a layer of {name!r}: its first is {next(iter(stored))!r}: "
            "choose the network it was made for with --net"
        )
    if _is_caffe(name) and keras_pixels(name, path) is not None:
        stem = next(iter(found))
        found[stem] = found[stem].flip(1)
    return found


def keras_arrays(path: Path) -> dict[str, list[Array]]:
    """Return the arrays of each layer that has any, by the layer's name, in Keras' order of its variables.

    Raises:
        ModelFileError: damaged, or no file that Keras writes.
    """
    import h5py

    try:
        source: Any = path
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo(_INSIDE).file_size > 4 * MOST_NUMBERS:
                    raise ValueError(f"{_INSIDE} in it would take {archive.getinfo(_INSIDE).file_size:,} bytes")
                source = io.BytesIO(archive.read(_INSIDE))
        with h5py.File(source, "r") as file:
            layers = layer_arrays(file)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, EOFError, AttributeError, MemoryError,
            zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        raise ModelFileError(
            f"the Keras file {str(path)!r} is damaged or cut off, or of another kind: {error}: {advice(path)}"
        ) from error
    if not layers:
        raise ModelFileError(f"the HDF5 file {str(path)!r} holds no layers with weights: save the model with Keras")
    return layers


def layer_arrays(file: Any) -> dict[str, list[Array]]:
    """Return the arrays of each layer of an open HDF5 file.

    Raises:
        ValueError: they lie in another file, which HDF5 allows, or are too large for weights.
    """
    layers = _walk(file) if "layers" in file else _by_layer(file.get("model_weights", file))
    stored = [dataset for datasets in layers.values() for dataset in datasets]
    for dataset in stored:
        if dataset.external or dataset.is_virtual or dataset.file != file.file:
            raise ValueError(f"{dataset.name} is kept in another file")
    numbers = sum(dataset.size for dataset in stored)
    if numbers > MOST_NUMBERS:
        raise ValueError(f"its arrays have {numbers:,} numbers, more than {MOST_NUMBERS:,}")
    return {name: [np.asarray(one, dtype=np.float32) for one in datasets] for name, datasets in layers.items()}


def _by_layer(file: Any) -> dict[str, list[Any]]:
    """Read a group a layer, as Keras 1 and 2 write; a network inside a network is one group with all its layers."""
    layers: dict[str, list[Any]] = {}
    for group_name in _texts(file, "layer_names"):
        group = file[group_name]
        for weight in _texts(group, "weight_names"):
            parts = weight.split("/")
            name = parts[-2] if len(parts) > 1 else group_name
            layers.setdefault(name, []).append(group[weight])
    return layers


def _texts(group: Any, attribute: str) -> list[str]:
    """Return a list of names kept as an attribute, which Keras cuts into numbered ones where it is long."""
    numbers = itertools.takewhile(lambda number: f"{attribute}{number}" in group.attrs, itertools.count())
    keys = [attribute] if attribute in group.attrs else [f"{attribute}{number}" for number in numbers]
    texts = [text for key in keys for text in group.attrs[key]]
    return [text.decode() if isinstance(text, bytes) else str(text) for text in texts]


def _walk(group: Any) -> dict[str, list[Any]]:
    """Read numbered variables, as Keras 3 writes, through all networks inside networks."""
    layers: dict[str, list[Any]] = {}
    for name, inner in group.items():
        if not hasattr(inner, "items"):
            continue
        variables = inner.get("vars")
        if variables is not None and len(variables):
            called = variables.attrs.get("name", inner.attrs.get("name", name))
            numbers = sorted(variables, key=int)
            layers[str(called)] = [variables[number] for number in numbers]
        layers |= _walk(inner)
    return layers


def converted(
    own: Mapping[str, Tensor], stored: Mapping[str, list[Array]], *, name: str, path: Path
) -> dict[str, Tensor]:
    """Return the tensors of a network that Keras publishes, of the arrays of its Keras layers.

    Args:
        own: the network's tensors, which say the names and shapes.
        stored: arrays by layer, as ``keras_arrays`` returns them.
        name: the network's registered name.
        path: for messages.
    """
    try:
        found = _found(own, stored, name=name, path=path)
    except (KeyError, ValueError, IndexError) as error:
        raise ModelFileError(
            f"the Keras file {str(path)!r} does not hold the weights of {name!r} ({error}): choose the network that it "
            "was made for with --net"
        ) from error
    return {key: torch.from_numpy(np.ascontiguousarray(array)) for key, array in found.items()}


def _found(own: Mapping[str, Tensor], stored: Mapping[str, list[Array]], *, name: str, path: Path) -> dict[str, Array]:
    modules = list(dict.fromkeys(key.rsplit(".", 1)[0] for key in own))
    stored = {as_of_today(name, layer): arrays for layer, arrays in stored.items()}
    real = numbered(list(stored))
    found: dict[str, Array] = {}
    layers = keras_layers(name, modules)
    _check_depth(stored, set(layers.values()), name=name, path=path)
    for module, layer in layers.items():
        arrays = stored.get(real.get(layer, layer))
        if arrays is None:
            continue
        if f"{module}.running_mean" in own:
            found |= _norm(module, arrays, path=path)
        else:
            found |= _weights(module, arrays, own=own)
    if name.startswith("resnet"):
        _fold(found, own)
    return found


def _check_depth(stored: Iterable[str], known: set[str], *, name: str, path: Path) -> None:
    """Refuse a file with further layers in the network's own blocks: Keras has VGG and ResNet in several depths."""
    blocks = {layer.split("_")[0] for layer in known if "_" in layer}
    further = [layer for layer in stored if layer not in known and layer.split("_")[0] in blocks]
    if further and name.startswith(("vgg", "resnet")):
        raise ModelFileError(
            f"the Keras file {str(path)!r} is of another or a deeper network than {name!r}, which has no layer "
            f"{further[0]!r}: choose the network it was made for with --net"
        )


def _norm(module: str, arrays: list[Array], *, path: Path) -> dict[str, Array]:
    if len(arrays) not in (3, 4):
        raise ModelFileError(
            f"the Keras file {str(path)!r} has {len(arrays)} arrays for {module}, where batch normalisation has 3 or "
            "4: it is another network's"
        )
    beta, mean, variance = arrays[-3:]
    gamma = arrays[0] if len(arrays) == 4 else np.ones_like(beta)
    leaves = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": variance}
    return {f"{module}.{leaf}": array for leaf, array in leaves.items()}


def _weights(module: str, arrays: list[Array], *, own: Mapping[str, Tensor]) -> dict[str, Array]:
    """Return kernel and bias of a convolution, a half of a separable one, or a dense layer."""
    shape = tuple(own[f"{module}.weight"].shape)
    kernel = arrays[1] if module.endswith(".pointwise") else arrays[0]
    found = {f"{module}.weight": _kernel(kernel, shape)}
    if arrays[-1].ndim == 1:
        found[f"{module}.bias"] = arrays[-1]
    return found


def _kernel(kernel: Array, shape: tuple[int, ...]) -> Array:
    if len(shape) == 2 and kernel.ndim == 4:
        kernel = kernel.reshape(kernel.shape[2:])
    if kernel.ndim == 2:
        if len(kernel) == 7 * 7 * 512:
            # VGG's first dense layer reads maps that Keras flattens as (row, column, map), PyTorch (map, row, column).
            kernel = kernel.reshape(7, 7, 512, -1).transpose(2, 0, 1, 3).reshape(len(kernel), -1)
        return kernel.T
    if kernel.ndim == 4 and kernel.shape[3] == 1 and shape[1] == 1 and kernel.shape[2] == shape[0]:
        return kernel.transpose(2, 3, 0, 1)
    return kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel


def _fold(found: dict[str, Array], own: Mapping[str, Tensor]) -> None:
    """Move the biases of convolutions that have none here into the mean of the normalisation that follows."""
    for key in [key for key in found if key not in own]:
        module = key.removesuffix(".bias")
        path, _, last = module.rpartition(".")
        follower = "1" if path.endswith("downsample") else last.replace("conv", "bn")
        norm = f"{path}.{follower}" if path else follower
        found[f"{norm}.running_mean"] = found[f"{norm}.running_mean"] - found.pop(key)
    for key in found:
        if key.endswith("running_var"):
            found[key] = found[key] + np.float32(_RESNET_EPSILON)


def _is_caffe(name: str) -> bool:
    return name.startswith(("vgg", "resnet"))
