"""Read a Teachable Machine export: ``keras_model.h5`` with ``labels.txt``, in a folder or a zip."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from ...errors import ModelFileError
from ..base import build_net
from .keras_files import Array, converted, layer_arrays

MODEL, LABELS = "keras_model.h5", "labels.txt"
MOST_BYTES = 200_000_000
"""More than any of its files has; a model of Teachable Machine has 2.5 MB."""

WIDTHS = (0.35, 0.25, 0.5, 0.75, 1.0)
"""Factors on the maps for which Keras publishes MobileNets."""

_BODIES = {"Conv_1": ("mobilenet_v2", "block_16_project"), "conv_pw_13": ("mobilenet", "conv_pw_13")}
"""A layer that tells the body, the body's name here, and a layer that tells its width."""

_EXPORT = "export the image project as Tensorflow, Keras"


@dataclasses.dataclass(frozen=True)
class Export:
    """What an export holds.

    Attributes:
        class_names: in the order of the probabilities.
        options: of the network ``teachable_machine``.
        tensors: its weights, by name.
    """

    class_names: tuple[str, ...]
    options: dict[str, float | int | str | bool]
    tensors: dict[str, Tensor]


def read_export(path: Path) -> Export:
    """Return the class names and weights of an export.

    Args:
        path: the folder or the zip that Teachable Machine gives under "Tensorflow, Keras", or its ``keras_model.h5``
            with ``labels.txt`` beside it.

    Raises:
        ModelFileError: a file is missing or damaged, the network is another one, or labels and classes do not match.
    """
    files = _files(path)
    class_names = _class_names(files[LABELS], path)
    config, stored = _model(files[MODEL], path)
    dense = _check_network(config, path)
    first, last = (stored.get(name, []) for name in dense)
    body, width = _body(stored, path)
    if [array.ndim for array in (*first, *last)] != [2, 1, 2]:
        raise _other(path, "its dense layers do not hold a weight with bias and a weight without")
    if last[0].shape[1] != len(class_names):
        raise ModelFileError(
            f"{LABELS} in {str(path)!r} names {len(class_names)} classes, and the network has {last[0].shape[1]}: "
            "the two files are of different exports; export the project again"
        )
    options: dict[str, float | int | str | bool] = {"body": body, "width": width}
    with torch.device("meta"):
        net = build_net("teachable_machine", outputs=len(class_names), image_size=(224, 224), options=options)
    own = {name.removeprefix("body."): tensor for name, tensor in net.state_dict().items() if name.startswith("body.")}
    tensors = {f"body.{name}": tensor for name, tensor in converted(own, stored, name=body, path=path).items()}
    arrays = {"dense.weight": first[0].T, "dense.bias": first[1], "classifier.weight": last[0].T}
    tensors |= {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    _check_shapes(tensors, net.state_dict(), path)
    counts = {name: torch.tensor(0) for name in net.state_dict() if name.endswith("num_batches_tracked")}
    return Export(class_names, options, counts | tensors)


def _check_shapes(tensors: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor], path: Path) -> None:
    for name, tensor in own.items():
        if name.endswith("num_batches_tracked"):
            continue
        if name not in tensors:
            raise _other(path, f"it has no {name}")
        if tensors[name].shape != tensor.shape:
            shapes = f"{tuple(tensors[name].shape)} in place of {tuple(tensor.shape)}"
            raise _other(path, f"its {name} has the shape {shapes}")


def _files(path: Path) -> dict[str, bytes]:
    """Return the bytes of the two files."""
    try:
        if path.is_dir():
            found = [place for place in path.rglob("*") if place.name in (MODEL, LABELS)]
            places = [PurePosixPath(place.relative_to(path).as_posix()) for place in found]
            folder = _one_export(places, [one.name for one in path.iterdir()], path)
            for name in (MODEL, LABELS):
                _check_size((path / folder / name).stat().st_size, path)
            return {name: (path / folder / name).read_bytes() for name in (MODEL, LABELS)}
        if path.name == MODEL or path.suffix in (".h5", ".hdf5"):
            labels = path.with_name(LABELS)
            _check_there([MODEL, *([LABELS] if labels.is_file() else [])], [path.name], path.parent)
            _check_size(path.stat().st_size, path)
            return {MODEL: path.read_bytes(), LABELS: labels.read_bytes()}
        with zipfile.ZipFile(path) as archive:
            members = {PurePosixPath(member.filename): member for member in archive.infolist()}
            places = [place for place in members if place.name in (MODEL, LABELS)]
            folder = _one_export(places, [place.name for place in members], path)
            for name in (MODEL, LABELS):
                _check_size(members[folder / name].file_size, path)
            return {name: archive.read(members[folder / name]) for name in (MODEL, LABELS)}
    except FileNotFoundError:
        raise ModelFileError(f"there is no export at {str(path)!r}: give the folder or the zip") from None
    except zipfile.BadZipFile as error:
        raise ModelFileError(f"{str(path)!r} is neither a folder nor a whole zip ({error}): {_EXPORT}") from None
    except (OSError, EOFError, RuntimeError, NotImplementedError, zlib.error) as error:
        raise ModelFileError(f"{str(path)!r} cannot be read: {error}") from None


def _one_export(places: list[PurePosixPath], names: list[str], path: Path) -> PurePosixPath:
    """Return the folder that has both files; raises ModelFileError where none has, or several have."""
    folders = {place.parent for place in places if place.name == MODEL}
    whole = sorted(folders & {place.parent for place in places if place.name == LABELS})
    if len(whole) > 1:
        shown = ", ".join(repr(str(folder)) for folder in whole[:3])
        raise ModelFileError(f"{str(path)!r} holds {len(whole)} exports, in {shown}: give one of them")
    if not whole:
        if len({place.name for place in places}) == 2:
            raise ModelFileError(f"{MODEL} and {LABELS} lie in two folders of {str(path)!r}: put them side by side")
        _check_there([place.name for place in places], names, path)
    return whole[0]


def _check_there(found: list[str], names: list[str], path: Path) -> None:
    missing = [name for name in (MODEL, LABELS) if name not in found]
    if not missing:
        return
    hint = _EXPORT
    if "model.json" in names or any(name.endswith(".tflite") for name in names):
        hint = f"this is an export for the browser or for phones; {_EXPORT}"
    elif missing == [LABELS]:
        hint = f"its lines, such as '0 cat', are the classes' names: put it beside {MODEL}, or {_EXPORT}"
    raise ModelFileError(f"there is no {' and no '.join(missing)} in {str(path)!r}: {hint}")


def _check_size(size: int, path: Path) -> None:
    if size > MOST_BYTES:
        raise ModelFileError(f"{str(path)!r} holds a file of {size:,} bytes, which is no Teachable Machine model")


def _class_names(data: bytes, path: Path) -> tuple[str, ...]:
    """Return the names of lines such as ``0 cat``."""
    try:
        lines = [line.strip() for line in data.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise ModelFileError(f"{LABELS} in {str(path)!r} is not UTF-8 text: save it as UTF-8") from None
    numbered = [re.fullmatch(r"(\d+)\s+(.+)", line) for line in lines]
    if all(match and int(match[1]) == place for place, match in enumerate(numbered)):
        lines = [match[2] for match in numbered if match]
    twice = sorted({name for name in lines if lines.count(name) > 1})
    if twice:
        raise ModelFileError(f"{LABELS} in {str(path)!r} has two classes called {twice[0]!r}: rename one")
    if len(lines) < 2:
        raise ModelFileError(f"{LABELS} in {str(path)!r} must name two classes or more, got {len(lines)}")
    return tuple(lines)


def _model(data: bytes, path: Path) -> tuple[Mapping[str, Any], dict[str, list[Array]]]:
    """Return the description of the layers, and the arrays of each layer."""
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            config = json.loads(file.attrs["model_config"])
            return config, layer_arrays(file)
    except (OSError, KeyError, RuntimeError, TypeError, AttributeError, ValueError) as error:
        raise ModelFileError(f"{MODEL} in {str(path)!r} is damaged or cut off ({error}): {_EXPORT} once more") from None


def _leaves(config: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield kind and settings of each layer, through networks inside networks, in order."""
    if not isinstance(config, Mapping):
        return
    inside = config.get("config")
    layers = inside.get("layers") if isinstance(inside, Mapping) else None
    if isinstance(layers, list):
        for layer in layers:
            yield from _leaves(layer)
    elif isinstance(inside, Mapping):
        yield str(config.get("class_name")), inside


def _check_network(config: Mapping[str, Any], path: Path) -> tuple[str, str]:
    """Return the names of the two dense layers; raise ModelFileError where the network is another one."""
    layers = list(_leaves(config))
    kinds = [kind for kind, _ in layers if kind != "InputLayer"]
    if kinds[-3:] != ["GlobalAveragePooling2D", "Dense", "Dense"]:
        raise _other(path, f"it ends with {', '.join(kinds[-3:]) or 'nothing'}")
    (_, first), (_, last) = _of_kind(layers, "Dense")[-2:]
    found = [(layer.get("activation"), layer.get("use_bias")) for layer in (first, last)]
    if found != [("relu", True), ("softmax", False)]:
        raise _other(path, f"its dense layers have activation and bias {found}")
    for _, norm in _of_kind(layers, "BatchNormalization"):
        if abs(float(norm.get("epsilon", 0)) - 1e-3) > 1e-9:
            raise _other(path, f"its batch normalisation has epsilon {norm.get('epsilon')}")
    for _, relu in _of_kind(layers, "ReLU"):
        if relu.get("max_value") != 6:
            raise _other(path, f"its rectifiers end at {relu.get('max_value')}")
    return str(first.get("name")), str(last.get("name"))


def _of_kind(layers: list[tuple[str, Mapping[str, Any]]], kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [layer for layer in layers if layer[0] == kind]


def _body(stored: Mapping[str, list[Array]], path: Path) -> tuple[str, float]:
    """Return the body's name and width."""
    for mark, (body, telling) in _BODIES.items():
        if mark not in stored or telling not in stored:
            continue
        maps, full = stored[telling][0].shape[-1], 320 if body == "mobilenet_v2" else 1024
        for width in WIDTHS:
            if maps == round(full * width):
                return body, width
        raise _other(path, f"its {telling} has {maps} maps")
    raise _other(path, f"its first layer is {next(iter(stored), 'none')!r}")


def _other(path: Path, what: str) -> ModelFileError:
    return ModelFileError(
        f"{MODEL} in {str(path)!r} is not the network of a Teachable Machine image project: {what}; a MobileNet, "
        "global average pooling, and two dense layers are expected"
    )
