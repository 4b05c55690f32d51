"""Classifier: a trained network with its preprocessing, class names and calibration, in one file.

The file is safetensors: tensors, and a description as JSON in its header. Loading it can run no code.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialized
from torch import Tensor

from .errors import DataError, ModelFileError, NetError, TellapartError
from .files import KEEPS_OPEN, expanded, is_file, is_folder, whole
from .images.blocks import batch_length
from .images.decode import MAX_PIXELS, as_pixels
from .images.preprocessing import Preprocessing
from .nets import Net, build_net
from .nets.base import two_logits
from .nets.inputs import to_input
from .novelty import Novelty
from .wording import listed

FORMAT = 1
MAX_CLASSES = 1_000_000
NOVELTY = "novelty."
"""How the names of the novelty score's tensors begin."""


class Description(BaseModel):
    """What a model file says of itself, in its header.

    Attributes:
        format: the version of this description.
        net: the registered network's name.
        options: its own options.
        sigmoid: whether two classes are one sigmoid output.
        class_names: by position of the probabilities.
        preprocessing: from a picture of any size to the network's input.
        temperature: what logits are divided by before the softmax, fitted on validation.
        trained_with: tellapart's version.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: int = FORMAT
    net: str
    options: dict[str, float | int | str | bool] = {}
    sigmoid: bool = False
    class_names: tuple[str, ...] = Field(min_length=2, max_length=MAX_CLASSES)
    preprocessing: Preprocessing
    temperature: float = Field(1.0, gt=0.0)
    trained_with: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.class_names)) != len(self.class_names):
            raise ValueError("class names must differ")
        if self.sigmoid and len(self.class_names) != 2:
            raise ValueError(f"sigmoid is for two classes, got {len(self.class_names)}")
        return self

    def build(self) -> Net:
        """Build the described network with random weights."""
        return build_net(
            self.net,
            outputs=1 if self.sigmoid else len(self.class_names),
            channels=self.preprocessing.channels,
            image_size=self.preprocessing.image_size,
            options=self.options,
        )


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a classifier says of one picture.

    Attributes:
        name: the most probable class.
        probability: its calibrated probability, 0 to 1.
        ranking: all classes asked for, most probable first, with their probabilities.
        novelty: how strange the picture is; above 1 it is unlike anything in training. None where the model does not
            know.
    """

    name: str
    probability: float
    ranking: tuple[tuple[str, float], ...]
    novelty: float | None = None

    @property
    def unlike(self) -> bool:
        """Whether the picture is unlike anything in training, as at most one in a hundred of the known kind is."""
        return self.novelty is not None and self.novelty > 1


class Classifier:
    """Names pictures of any size.

    Args:
        net: the network; set to evaluation.
        description: what it is.
        novelty: what recognises pictures that are unlike anything in training; None where that is not known.

    Example:
        >>> import numpy as np
        >>> from tellapart.classifier import Description
        >>> from tellapart.images.preprocessing import Preprocessing
        >>> description = Description(net="softmax", class_names=("cat", "dog"),
        ...     preprocessing=Preprocessing(image_size=(8, 8), channels=1))
        >>> classifier = Classifier(description.build(), description)
        >>> answer = classifier.classify(np.zeros((30, 20, 3), dtype=np.uint8))
        >>> answer.name in ("cat", "dog"), round(sum(p for _, p in answer.ranking), 5)
        (True, 1.0)
    """

    def __init__(self, net: Net, description: Description, novelty: Novelty | None = None) -> None:
        _check_pixels(net, description.preprocessing)
        self.net = net.eval()
        self.description = description
        self.novelty = novelty

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes' names, by position of the probabilities."""
        return self.description.class_names

    @property
    def preprocessing(self) -> Preprocessing:
        """From a picture of any size to the network's input."""
        return self.description.preprocessing

    def classify(self, picture: Any, *, top: int | None = None, max_pixels: int = MAX_PIXELS) -> Answer:
        """Name one picture.

        Args:
            picture: uint8 (H, W) or (H, W, 1, 3 or 4), a PIL image, a path, or the bytes of a picture file.
            top: how many classes the ranking holds; all where None.
            max_pixels: width × height above which a file or a PIL image is refused before it is decoded: a small file
                may hold a picture that takes a gigabyte.

        Raises:
            DataError: it is none of these, or cannot be decoded.
        """
        return self.classify_all([picture], top=top, max_pixels=max_pixels)[0]

    def classify_all(
        self, pictures: Iterable[Any], *, top: int | None = None, max_pixels: int = MAX_PIXELS
    ) -> list[Answer]:
        """Name several pictures; see ``classify``."""
        if (
            isinstance(pictures, str | Path | bytes)
            or not (isinstance(pictures, Iterable) or hasattr(pictures, "__getitem__"))
            or (isinstance(pictures, np.ndarray) and pictures.ndim == 3 and pictures.shape[2] in (1, 3, 4))
        ):
            raise DataError("classify_all takes several pictures, got what looks like one: use classify, or [picture]")
        _check_top(top)
        background = self.preprocessing.background
        resized = [
            self.preprocessing.resized(as_pixels(picture, background, max_pixels=max_pixels)) for picture in pictures
        ]
        return self.answers(np.stack(resized), top=top) if resized else []

    def answers(self, pixels: NDArray[np.uint8], *, top: int | None = None) -> list[Answer]:
        """Name pictures that ``preprocessing.resized`` has prepared.

        Args:
            pixels: uint8 (N, *image_size, channels).
            top: classes in each ranking; all of them where None.
        """
        _check_top(top)
        return self.answers_from(*self.look(pixels), top=top)

    def answers_from(
        self, logits: NDArray[np.float32], embeddings: NDArray[np.float32], *, top: int | None = None
    ) -> list[Answer]:
        """Name pictures by what ``look`` has returned of them.

        Args:
            logits: float32 (N, classes), uncalibrated.
            embeddings: float32 (N, D).
            top: classes in each ranking; all of them where None.
        """
        probabilities = self._calibrated(logits)
        strange = [None] * len(logits) if self.novelty is None else self.novelty.relative(embeddings).tolist()
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, : top or len(self.class_names)]
        return [
            Answer(
                name=self.class_names[ranked[0]],
                probability=float(row[ranked[0]]),
                ranking=tuple((self.class_names[k], float(row[k])) for k in ranked),
                novelty=score,
            )
            for row, ranked, score in zip(probabilities, order, strange, strict=True)
        ]

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return calibrated probabilities (N, classes) of resized pixels, uint8 (N, *image_size, channels)."""
        return self._calibrated(self.logits(pixels)).astype(np.float32)

    def _calibrated(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return probabilities as exact as those by which ``find_threshold`` says which answers are sure."""
        found: NDArray[np.float64] = (
            (torch.from_numpy(logits).double() / self.description.temperature).softmax(1).numpy()
        )
        return found

    def logits(self, pixels: NDArray[np.uint8], *, batch_size: int | None = None) -> NDArray[np.float32]:
        """Return uncalibrated logits, float32 (N, classes), of resized pixels, uint8 (N, *image_size, channels)."""
        return _in_batches(lambda batch: (two_logits(self.net(batch)),), self, pixels, batch_size)[0]

    def embeddings(self, pixels: NDArray[np.uint8], *, batch_size: int | None = None) -> NDArray[np.float32]:
        """Return what the last layer sees, float32 (N, D), of resized pixels, uint8 (N, *image_size, channels)."""
        return _in_batches(lambda batch: (self.net.embed(batch),), self, pixels, batch_size)[0]

    def look(
        self, pixels: NDArray[np.uint8], *, batch_size: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return ``logits`` and ``embeddings`` of resized pixels, in one pass through the network."""

        def both(batch: Tensor) -> tuple[Tensor, ...]:
            embedding = self.net.embed(batch)
            return two_logits(self.net.classify(embedding)), embedding

        logits, embeddings = _in_batches(both, self, pixels, batch_size)
        return logits, embeddings

    def save(self, path: Path | str) -> None:
        """Write the model file, whole or not at all."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.net.state_dict().items()}
        if self.novelty is not None:
            kept = self.novelty.to_arrays().items()
            tensors |= {NOVELTY + name: torch.from_numpy(np.array(array)) for name, array in kept}
        metadata = {"tellapart": self.description.model_dump_json()}
        with whole(expanded(path)) as beside:  # bytes first: safetensors' own writing hides the system's errors
            beside.write_bytes(serialized(tensors, metadata=metadata))

    @classmethod
    def load(cls, path: Path | str) -> Classifier:
        """Read a model file, or the ``model.safetensors`` of a run folder.

        Raises:
            ModelFileError: it is missing, damaged, no model of ours, or its tensors are not those of its network.
        """
        path = expanded(path)
        path = path / "model.safetensors" if is_folder(path) else path
        if not is_file(path):
            raise ModelFileError(f"there is no model file at {str(path)!r}: give a run folder or a .safetensors file")
        description, tensors = _read(path)
        try:
            with torch.device("meta"):
                net = description.build()
        except (TellapartError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
            raise ModelFileError(f"{str(path)!r} describes a network that cannot be built: {error}") from None
        novelty = _novelty(path, tensors)
        _check_tensors(path, net.state_dict(), tensors)
        net.load_state_dict(tensors, assign=True)
        return cls(net.to(memory_format=torch.channels_last), description, novelty)  # type: ignore[call-overload]  # torch's stubs lack it

    def __repr__(self) -> str:
        height, width = self.preprocessing.image_size
        colour = "grey" if self.preprocessing.channels == 1 else "colour"
        return f"Classifier({self.description.net!r}, {len(self.class_names)} classes, {height}x{width} {colour})"


def _check_pixels(net: Net, preprocessing: Preprocessing) -> None:
    """Raise NetError where a network's loaded weights expect other pixels than it would be given."""
    given = (preprocessing.mean, preprocessing.std)
    if net.expects is not None and not np.allclose(given, net.expects, atol=1e-4):
        mean, std = (", ".join(f"{value:.4g}" for value in values) for values in net.expects)
        raise NetError(
            f"the network's weights expect pixels with mean {mean} and deviation {std}, and the preprocessing has "
            f"{given[0]} and {given[1]}: take those of nets.weights.expected_pixels"
        )


def _check_top(top: int | None) -> None:
    if top is not None and top < 1:
        raise DataError(f"top must be at least 1, got {top}")


def _in_batches(
    function: Callable[[Tensor], tuple[Tensor, ...]],
    classifier: Classifier,
    pixels: NDArray[np.uint8],
    batch_size: int | None,
) -> list[NDArray[np.float32]]:
    expected = (*classifier.preprocessing.image_size, classifier.preprocessing.channels)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != expected:
        raise DataError(
            f"resized pixels must be uint8 of shape (N, {', '.join(map(str, expected))}), got {pixels.dtype} of shape "
            f"{pixels.shape}: use classify for pictures of any size"
        )
    batch_size = batch_size or batch_length(classifier.preprocessing.image_size)
    device = next(iter(classifier.net.parameters())).device
    was_training = classifier.net.training
    classifier.net.eval()
    rows = []
    try:
        with torch.inference_mode():
            some = pixels if len(pixels) else np.zeros((1, *expected), dtype=np.uint8)  # for how long the rows are
            for start in range(0, len(some), batch_size):
                batch = torch.from_numpy(np.array(some[start : start + batch_size])).to(device)
                found = function(to_input(batch, classifier.preprocessing))
                rows.append([part.float().cpu().numpy() for part in found])
    finally:
        classifier.net.train(was_training)
    return [np.concatenate(parts)[: len(pixels)] for parts in zip(*rows, strict=True)]


def _read(path: Path) -> tuple[Description, dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        if KEEPS_OPEN:  # they are mapped, and would keep the file where it is
            tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    except OSError as error:
        raise ModelFileError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError) as error:
        raise ModelFileError(f"{str(path)!r} is damaged or is no safetensors file: {error}") from None
    if "tellapart" not in metadata:
        raise ModelFileError(f"{str(path)!r} holds tensors but no tellapart description: it is another tool's file")
    try:
        document = json.loads(metadata["tellapart"])
        if isinstance(document, dict) and document.get("format", 0) > FORMAT:
            raise ModelFileError(f"{str(path)!r} was written by a newer tellapart (format {document['format']})")
        return Description.model_validate(document), tensors
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        field = ".".join(map(str, found["loc"])) or "description"
        raise ModelFileError(f"{str(path)!r} has a damaged description: {field}: {found['msg']}") from None
    except (json.JSONDecodeError, RecursionError, TypeError) as error:
        raise ModelFileError(f"{str(path)!r} has a damaged description: {error}") from None


def _novelty(path: Path, tensors: dict[str, Tensor]) -> Novelty | None:
    """Take the novelty score's tensors out of a model file's."""
    kept = {name.removeprefix(NOVELTY): tensors.pop(name) for name in list(tensors) if name.startswith(NOVELTY)}
    try:
        return Novelty.from_arrays({name: tensor.numpy() for name, tensor in kept.items()}) if kept else None
    except (DataError, TypeError) as error:
        raise ModelFileError(f"{str(path)!r} has a damaged novelty score: {error}") from None


def _check_tensors(path: Path, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or extra:
        raise ModelFileError(
            f"{str(path)!r} does not hold the network that its header describes: "
            f"missing are {listed(missing, most=3)}, and not its own {listed(extra, most=3)}"
        )
    for name, tensor in expected.items():
        if tensor.shape != found[name].shape or tensor.dtype != found[name].dtype:
            raise ModelFileError(
                f"{str(path)!r}: the tensor {name!r} must be {_shape(tensor)} for the network that the header "
                f"describes, got {_shape(found[name])}"
            )


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
