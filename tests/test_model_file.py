"""The model file: the same bits come back, and a file that lies is caught."""

import json
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tellapart.classifier import Classifier
from tellapart.errors import ModelFileError

from .models import NETS, make


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (23, 16, 16, 1), dtype=np.uint8)


@pytest.mark.parametrize("net", NETS)
def test_save_and_load_give_the_same_bit_for_bit(tmp_path, pixels, net):
    classifier = make(net, temperature=1.7)
    classifier.save(tmp_path / "model.safetensors")
    for place in (tmp_path, str(tmp_path / "model.safetensors")):
        again = Classifier.load(place)
        assert again.description == classifier.description
        assert again.net.state_dict().keys() == classifier.net.state_dict().keys()
        for name, tensor in again.net.state_dict().items():
            assert torch.equal(tensor, classifier.net.state_dict()[name])
        assert (again.logits(pixels) == classifier.logits(pixels)).all()
        assert not again.net.training
        assert not any(tensor.is_meta for tensor in again.net.state_dict().values())
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_saving_twice_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        make().save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_names_in_any_script_come_back(tmp_path):
    names = ("笔画", "a b/c", "CON", "é" * 2000, "\U0001f408")
    make(names=names).save(tmp_path / "model")
    assert Classifier.load(tmp_path / "model").class_names == names


def test_a_full_disk_is_an_error_of_the_system_and_leaves_the_old_file(tmp_path):
    """Run with a limit on the size of files, which fails as a full disk does: in the middle of writing."""
    make().save(tmp_path / "model.safetensors")
    old = (tmp_path / "model.safetensors").read_bytes()
    code = (
        "import resource, signal, sys\n"
        "from tellapart.classifier import Classifier\n"
        "from tellapart.run import Run\nfrom pathlib import Path\n"
        "from tellapart.errors import UnwritableError\n"
        "folder = Path(sys.argv[1])\nclassifier = Classifier.load(folder)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    Run(folder).write('model.safetensors', classifier.save)\n"
        "except UnwritableError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cannot write ")
    assert (tmp_path / "model.safetensors").read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


def header_of(path) -> tuple[dict, bytes]:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def lie(path, **changes) -> None:
    """Rewrite what a model file says of itself."""
    header, tensors = header_of(path)
    description = json.loads(header["__metadata__"]["tellapart"])
    header["__metadata__"]["tellapart"] = json.dumps({**description, **changes})
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + tensors)


SIZE = {"image_size": [16, 16], "channels": 1}
LIES = [
    ({"net": "convnet16", "options": {}}, "does not hold the network that its header describes"),
    ({"net": "convnet17"}, "did you mean 'convnet16'"),
    ({"net": "vgg16", "options": {}}, "vgg16"),
    ({"options": {"width": 8}}, "must be float32"),
    ({"options": {"width": -1}}, "width must be a whole number"),
    ({"options": {"width": "wide"}}, "width must be a whole number"),
    ({"options": {"width": 10**12}}, "width must be a whole number"),
    ({"options": {"blocks": 10**9}}, "blocks must be a whole number"),
    ({"options": {"depth": 8}}, "no option 'depth'"),
    ({"net": "convnet64", "options": {"dropout": "x"}}, "dropout"),
    ({"class_names": ["a", "b"]}, "must be float32"),
    ({"class_names": ["a"]}, "class_names"),
    ({"class_names": ["a", "a", "b"]}, "class names must differ"),
    ({"class_names": [f"c{i}" for i in range(1_000_001)]}, "class_names"),
    ({"class_names": [f"c{i}" for i in range(900_000)]}, "must be float32"),
    ({"class_names": [1, 2, 3]}, "class_names"),
    ({"sigmoid": True}, "sigmoid is for two classes, got 3"),
    ({"sigmoid": True, "class_names": ["a", "b"]}, "must be float32"),
    ({"temperature": 0.0}, "temperature"),
    ({"temperature": float("inf")}, "temperature"),
    ({"temperature": float("nan")}, "temperature"),
    ({"format": 2}, r"newer tellapart \(format 2\)"),
    ({"format": "two"}, "damaged description"),
    ({"surprise": 1}, "surprise"),
    ({"preprocessing": {**SIZE, "image_size": [10**9, 8]}}, "image_size"),
    ({"preprocessing": {**SIZE, "image_size": [1, 1]}}, "must be at least 8x8"),
    ({"preprocessing": {**SIZE, "channels": 3}}, "must be float32"),
    ({"preprocessing": {**SIZE, "channels": 10**12}}, "channels"),
    ({"preprocessing": {**SIZE, "std": [0.0]}}, "std must be above 0"),
    ({"preprocessing": {**SIZE, "mean": [float("nan")]}}, "finite"),
    ({"preprocessing": {**SIZE, "mean": [0.0] * 7}}, "must have 1 values"),
    ({"preprocessing": None}, "preprocessing"),
]


@pytest.mark.parametrize(("changes", "message"), LIES)
def test_a_lying_header_is_caught(tmp_path, changes, message):
    path = tmp_path / "model.safetensors"
    make().save(path)
    lie(path, **changes)
    with pytest.raises(ModelFileError, match=message) as caught:
        Classifier.load(path)
    assert "model.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "[" * 100_000, '"x"'])
def test_a_description_that_is_none_is_caught(tmp_path, text):
    save_file({"weight": torch.zeros(2)}, tmp_path / "model", metadata={"tellapart": text})
    with pytest.raises(ModelFileError, match="damaged description"):
        Classifier.load(tmp_path / "model")


def retyped(tensors, name):
    return {**tensors, name: tensors[name].half()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: retyped(t, "head.weight"), r"'head.weight' must be float32 \(3, \d+\) .*, got float16"),
        (lambda t: {**t, "head.bias": torch.zeros(7)}, r"'head.bias' must be float32 \(3,\) .*, got float32 \(7,\)"),
        (lambda t: {**t, "spy": torch.zeros(1)}, "not its own 'spy'"),
        (lambda t: {k: v for k, v in t.items() if k != "head.bias"}, "missing are 'head.bias'"),
        (lambda t: {}, "missing are .* more"),
    ],
)
def test_tensors_that_are_not_the_network_are_named(tmp_path, change, message):
    classifier = make()
    tensors = {name: tensor.contiguous() for name, tensor in classifier.net.state_dict().items()}
    metadata = {"tellapart": classifier.description.model_dump_json()}
    save_file(change(tensors), tmp_path / "model", metadata=metadata)
    with pytest.raises(ModelFileError, match=message):
        Classifier.load(tmp_path / "model")


def test_files_of_another_kind_are_named(tmp_path):
    make().save(tmp_path / "good")
    content = (tmp_path / "good").read_bytes()

    class Spy:
        def __reduce__(self):
            return (open, (str(tmp_path / "it ran"), "w"))

    others = {
        "empty": b"", "short": content[:5], "header": content[:40], "tensors": content[:-7], "longer": content + b"0",
        "pickle": pickle.dumps(Spy()), "text": b"hello", "length": struct.pack("<Q", 2**62) + content[8:],
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    }  # fmt: skip
    for name, data in others.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ModelFileError, match="is damaged or is no safetensors file"):
            Classifier.load(tmp_path / name)
    torch.save({"weight": torch.zeros(3)}, tmp_path / "torch")
    with pytest.raises(ModelFileError):
        Classifier.load(tmp_path / "torch")
    assert not (tmp_path / "it ran").exists()
    for metadata in (None, {"format": "pt"}):
        save_file({"weight": torch.zeros(3)}, tmp_path / "other", metadata=metadata)
        with pytest.raises(ModelFileError, match="no tellapart description: it is another tool's file"):
            Classifier.load(tmp_path / "other")
    for absent in (tmp_path / "absent", tmp_path):
        with pytest.raises(ModelFileError, match="there is no model file"):
            Classifier.load(absent)
