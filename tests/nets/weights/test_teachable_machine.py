import importlib.util
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from tellapart.errors import ModelFileError
from tellapart.nets.weights.teachable_machine import read_export
from tellapart.workflow import import_model

TESTS = Path(__file__).parents[2]
GOLDEN = json.loads((TESTS / "golden" / "teachable_machine.json").read_text())
spec = importlib.util.spec_from_file_location("formula", TESTS / "nets" / "reference" / "formula.py")
formula = importlib.util.module_from_spec(spec)
spec.loader.exec_module(formula)

LABELS = "0 cat\n1 guinea pig\n2 Hündin\n"


def write_export(folder, body="mobilenet_v2", *, labels=LABELS, change=lambda config: config, classes=None, units=None):
    """Write what Keras 2 writes: the same groups, attributes and arrays."""
    record = GOLDEN[body]
    folder.mkdir(exist_ok=True)
    with h5py.File(folder / "keras_model.h5", "w") as file:
        config = change(json.loads(json.dumps(record["model_config"])))
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"], file.attrs["backend"] = "2.4.0", "tensorflow"
        top = file.create_group("model_weights")
        top.attrs["layer_names"] = [name.encode() for name in record["groups"]]
        for name, weights in record["groups"].items():
            group = top.create_group(name)
            group.attrs["weight_names"] = [weight.encode() for weight in weights]
            for weight, shape in weights.items():
                shape = [*shape[:-1], classes] if classes and weight.startswith("dense_Dense2") else shape
                if units and weight.startswith("dense_Dense"):
                    shape = [units if size == 100 else size for size in shape]
                group.create_dataset(weight, data=formula.keras_weights(weight, tuple(shape)))
    if labels is not None:
        (folder / "labels.txt").write_text(labels, encoding="utf-8")
    return folder


def zipped(folder, path, *, inside=""):
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, inside + file.name)
    return path


def layer(config, name):
    if isinstance(config, dict):
        if config.get("name") == name and "class_name" not in config:
            return config
        config = list(config.values())
    found = [layer(part, name) for part in config] if isinstance(config, list) else []
    return next((one for one in found if one), None)


def changed(name, **settings):
    def change(config):
        layer(config, name).update(settings)
        return config

    return change


@pytest.mark.parametrize("body", GOLDEN)
def test_probabilities_are_those_of_keras(tmp_path, body):
    classifier = import_model(write_export(tmp_path / "converted_keras", body))
    assert classifier.class_names == ("cat", "guinea pig", "Hündin")
    pictures = torch.from_numpy(formula.pictures(224, 224))
    pictures[1] = torch.linspace(-1, 1, 224)
    with torch.inference_mode():
        probabilities = classifier.net(pictures).softmax(dim=1).numpy()
    np.testing.assert_allclose(probabilities, GOLDEN[body]["probabilities"], atol=1e-5)


def test_the_pictures_are_prepared_as_the_export_says():
    from PIL import Image, ImageOps

    from tellapart.images.preprocessing import Preprocessing
    from tellapart.nets.inputs import to_input

    half = (0.5, 0.5, 0.5)
    ours = Preprocessing(image_size=(224, 224), resize="crop", resample="lanczos", mean=half, std=half)
    picture = np.random.default_rng(0).integers(0, 256, (301, 450, 3), dtype=np.uint8)
    # The program that Teachable Machine shows beside an export.
    image = ImageOps.fit(Image.fromarray(picture), (224, 224), Image.Resampling.LANCZOS)
    expected = np.asarray(image).astype(np.float32) / 127.5 - 1
    found = to_input(torch.from_numpy(ours.resized(picture).copy())[None], ours)[0].permute(1, 2, 0)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_a_zip_with_a_folder_in_it_and_the_bare_file(tmp_path):
    folder = write_export(tmp_path / "export")
    for path in (zipped(folder, tmp_path / "a.zip", inside="converted_keras/"), folder / "keras_model.h5"):
        assert read_export(path).class_names == ("cat", "guinea pig", "Hündin")


def test_labels_without_numbers_and_numbers_as_names(tmp_path):
    assert read_export(write_export(tmp_path / "a", labels="cat\ndog\n7 sins\n")).class_names == (
        "cat",
        "dog",
        "7 sins",
    )
    assert read_export(write_export(tmp_path / "b", labels="\ufeff0 1\n1 2\n2 10\n")).class_names == ("1", "2", "10")


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"no labels.txt .*'0 cat'"):
        read_export(write_export(tmp_path / "a", labels=None))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "model.json").write_text("{}")
    with pytest.raises(ModelFileError, match=r"no keras_model.h5 and no labels.txt .* export for the browser"):
        read_export(tmp_path / "b")
    with pytest.raises(ModelFileError, match="there is no export"):
        read_export(tmp_path / "none.zip")
    (tmp_path / "c.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ModelFileError, match="neither a folder nor a whole zip"):
        read_export(tmp_path / "c.zip")


def test_two_files_that_lie_apart_are_not_called_missing(tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("labels.txt", "0 a")
        archive.writestr("model/keras_model.h5", b"")
    with pytest.raises(ModelFileError, match=r"lie in two folders of .* put them side by side"):
        read_export(path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("0 cat\n1 dog\n", "names 2 classes, and the network has 3"),
        ("0 cat\n1 cat\n2 dog\n", "two classes called 'cat'"),
        ("0 cat\n", "two classes or more, got 1"),
    ],
)
def test_labels_that_do_not_fit(tmp_path, labels, message):
    with pytest.raises(ModelFileError, match=message):
        read_export(write_export(tmp_path / "export", labels=labels))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("dense_Dense1", activation="tanh"), "activation and bias"),
        (changed("dense_Dense2", use_bias=True), "activation and bias"),
        (changed("bn_Conv1", epsilon=1e-5), "epsilon 1e-05"),
        (changed("Conv1_relu", max_value=None), "rectifiers end at None"),
        (lambda config: {"class_name": "Sequential", "config": {"layers": []}}, "it ends with nothing"),
    ],
)
def test_another_network(tmp_path, change, message):
    with pytest.raises(ModelFileError, match=f"not the network of a Teachable Machine image project: .*{message}"):
        read_export(write_export(tmp_path / "export", change=change))


def test_a_network_of_other_widths(tmp_path):
    with pytest.raises(ModelFileError, match=r"not the network .*dense\.weight has the shape \(64, 1280\)"):
        read_export(write_export(tmp_path / "export", units=64))


def test_a_damaged_member_of_a_zip(tmp_path):
    folder = write_export(tmp_path / "export")
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    whole = bytearray((tmp_path / "export.zip").read_bytes())
    whole[5000:5100] = bytes(100)
    (tmp_path / "export.zip").write_bytes(whole)
    with pytest.raises(ModelFileError):
        read_export(tmp_path / "export.zip")


def test_a_damaged_file(tmp_path):
    folder = write_export(tmp_path / "export")
    whole = (folder / "keras_model.h5").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"no HDF5"):
        (folder / "keras_model.h5").write_bytes(damaged)
        with pytest.raises(ModelFileError, match="damaged or cut off"):
            read_export(folder)


def test_the_command_writes_a_model_file(tmp_path, monkeypatch, capsys):
    from tellapart import Classifier
    from tellapart.cli import main

    monkeypatch.chdir(tmp_path)
    path = zipped(write_export(tmp_path / "export"), tmp_path / "pets.zip")
    main(["import", str(path)])
    assert "pets.safetensors: 3 classes (cat, guinea pig, Hündin)" in capsys.readouterr().out
    picture = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    kept, made = (
        model.classify(picture).ranking for model in (Classifier.load("pets.safetensors"), import_model(path))
    )
    assert [name for name, _ in kept] == [name for name, _ in made]
    # Where weights lie in memory decides how a sum is split, and so its last digits.
    assert [share for _, share in kept] == pytest.approx([share for _, share in made], abs=1e-6)
    with pytest.raises(SystemExit) as caught:
        main(["import", str(path)])
    assert caught.value.code == 2
    assert "exists: choose another --out, or give --overwrite" in capsys.readouterr().err
    main(["import", str(write_export(tmp_path / "pets.v2"))])
    assert "pets.v2.safetensors: 3 classes" in capsys.readouterr().out
    main(["import", str(path), "--out", "models/pets.safetensors"])
    assert Classifier.load("models/pets.safetensors").class_names == ("cat", "guinea pig", "Hündin")
    with pytest.raises(SystemExit) as caught:
        main(["import", str(path), "--out", "pets.zip/pets.safetensors"])
    assert caught.value.code == 2
    assert "choose another folder" in capsys.readouterr().err


def test_two_exports_are_never_mixed(tmp_path):
    (tmp_path / "downloads").mkdir()
    write_export(tmp_path / "downloads" / "a")
    other = write_export(tmp_path / "downloads" / "b")
    with pytest.raises(ModelFileError, match="holds 2 exports"):
        read_export(tmp_path / "downloads")
    (other / "keras_model.h5").unlink()
    (other / "labels.txt").write_text("0 x\n1 y\n2 z\n", encoding="utf-8")
    assert read_export(tmp_path / "downloads").class_names == ("cat", "guinea pig", "Hündin")
    (tmp_path / "downloads" / "a" / "labels.txt").unlink()
    with pytest.raises(ModelFileError):
        read_export(tmp_path / "downloads")
