"""Read a weight file into tensors by name, running no code from it."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ...errors import ModelFileError
from ...files import TENSOR_DAMAGE
from .locate import weights_folder

_WRAPPERS = ("state_dict", "model", "model_state_dict", "state_dict_ema")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file or a PyTorch state dict, by name.

    A checkpoint that keeps its state dict under "state_dict" or "model", or its names under "module.", is read too.

    Args:
        path: the file; what it is is told from its content, not from its name.

    Raises:
        ModelFileError: neither of the two, damaged, or holding more than tensors.

    Example:
        >>> from tellapart.nets.weights import find_weights
        >>> from tellapart.nets.weights.files import read_weights
        >>> read_weights(find_weights("efficientnet_lite0"))["_fc.weight"].shape
        torch.Size([1000, 1280])
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise ModelFileError(f"the weight file {str(path)!r} cannot be read: {error.strerror or error}") from error
    found = _read_safetensors(path) if start[8:9] == b"{" else _read_pickle(path, start)
    return _plain(found, path)


def advice(path: Path) -> str:
    """Return what to do about a file that is damaged: what was fetched is fetched again, a person's own is not lost."""
    if weights_folder() in path.parents:
        return "delete it, and it is fetched again at the next use"
    return "give another copy of it, or another file"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ModelFileError(
            f"the weight file {str(path)!r} is a damaged or cut safetensors file ({error}): {advice(path)}"
        ) from error


def _read_pickle(path: Path, start: bytes) -> Mapping[str, Any]:
    # PyTorch writes a zip since 1.6 and a bare pickle (protocol 2) before; torch.load would warn of other things.
    if not (zipfile.is_zipfile(path) or start[:1] == b"\x80"):
        if start[:2] == b"PK":
            raise ModelFileError(f"the weight file {str(path)!r} is damaged or cut off: {advice(path)}")
        raise ModelFileError(
            f"{str(path)!r} is no weight file: it begins with {start[:8]!r}; a safetensors file or a PyTorch state "
            f"dict is needed: {advice(path)}"
        )
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelFileError(
            f"the weight file {str(path)!r} holds more than tensors, and is not read because that could run code: "
            "save its state_dict alone, or as safetensors"
        ) from error
    except TENSOR_DAMAGE as error:
        raise ModelFileError(f"the weight file {str(path)!r} cannot be read: {error}: {advice(path)}") from error
    if not isinstance(found, Mapping):
        raise ModelFileError(
            f"the weight file {str(path)!r} holds a {type(found).__name__}, not a state dict: save net.state_dict()"
        )
    return found


def _plain(found: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    for wrapper in _WRAPPERS:
        if isinstance(found.get(wrapper), Mapping):
            found = found[wrapper]
            break
    tensors = {str(key).removeprefix("module."): value for key, value in found.items() if isinstance(value, Tensor)}
    if not tensors:
        names = ", ".join(str(key) for key in list(found)[:5]) or "nothing"
        raise ModelFileError(f"the weight file {str(path)!r} holds no tensors by name, but {names}: save a state dict")
    return tensors
