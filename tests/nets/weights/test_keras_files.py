import re
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from tellapart.errors import ModelFileError
from tellapart.nets import build_net
from tellapart.nets.weights import expected_pixels, keras_files, load_weights
from tellapart.nets.weights.keras_files import converted, keras_pixels, read_keras
from tellapart.nets.weights.keras_names import VARIANTS, as_of_today, keras_layers, numbered


def build(name, *, outputs=3, size=(32, 32), **options):
    if name in VARIANTS:
        options.setdefault("variant", VARIANTS[name])
    # Weights that are loaded at once need not be drawn first.
    with torch.device("meta"):
        net = build_net(name, outputs=outputs, image_size=size, options=options).eval()
    return net.to_empty(device="cpu")


def shaken(net, seed=0):
    """Give every number of the network a random value, so that no two of its tensors are alike."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, tensor in net.state_dict().items():
            if tensor.ndim:
                tensor.copy_(torch.rand(tensor.shape, generator=generator) / 4 + 0.5 * key.endswith("var"))
    return net


def keras_arrays(net, name):
    """Return the network's tensors as Keras keeps them: HWIO, (in, out), gamma, beta, mean, variance."""
    own = {key: tensor.numpy() for key, tensor in net.state_dict().items() if tensor.ndim}
    modules = list(dict.fromkeys(key.rsplit(".", 1)[0] for key in own))
    layers = {}
    for module, layer in keras_layers(name, modules).items():
        leaves = ("weight", "bias", "running_mean", "running_var")
        arrays = [own[f"{module}.{leaf}"] for leaf in leaves if f"{module}.{leaf}" in own]
        if arrays[0].ndim == 4 and arrays[0].shape[1] == 1:
            arrays[0] = np.moveaxis(arrays[0], (2, 3, 0, 1), (0, 1, 2, 3))
        elif arrays[0].ndim == 4:
            arrays[0] = np.moveaxis(arrays[0], (2, 3, 1, 0), (0, 1, 2, 3))
        elif arrays[0].ndim == 2:
            arrays[0] = arrays[0].T
        layers.setdefault(layer, []).extend(arrays)
    if name == "mobilenet":
        layers["conv_preds"][0] = layers["conv_preds"][0][None, None]
    return layers


def write_keras2(path, layers, *, whole=False, nested=False):
    with h5py.File(path, "w") as file:
        top = file.create_group("model_weights") if whole else file
        outer = "model" if nested else None
        top.attrs["layer_names"] = [b"model"] if nested else [name.encode() for name in layers]
        names = {}
        for layer, arrays in layers.items():
            group = top.require_group(outer or layer)
            for number, array in enumerate(arrays):
                weight = f"{layer}/variable{number}:0"
                group.create_dataset(weight, data=array)
                names.setdefault(group.name, []).append(weight.encode())
        for group, own in names.items():
            if nested:  # Keras cuts attributes that are too long for HDF5.
                file[group].attrs["weight_names0"], file[group].attrs["weight_names1"] = own[:50], own[50:]
            else:
                file[group].attrs["weight_names"] = own


def write_keras3(path, layers):
    with h5py.File(path, "w") as file:
        for number, (layer, arrays) in enumerate(layers.items()):
            variables = file.create_group(f"layers/functional/layers/kind_{number}/vars")
            variables.attrs["name"] = layer
            for place, array in enumerate(arrays):
                variables.create_dataset(str(place), data=array)
        file.create_group("layers/relu/vars").attrs["name"] = "relu"


def same(net, other):
    # Keras does not count batches.
    own = {key: tensor for key, tensor in net.state_dict().items() if tensor.ndim}
    return all(torch.equal(tensor, other.state_dict()[key]) for key, tensor in own.items())


@pytest.mark.parametrize("layout", ["keras 2", "whole", "nested", "keras 3", "archive"])
def test_all_layouts(tmp_path, layout):
    net = shaken(build("mobilenet_v2", width=0.35))
    layers = keras_arrays(net, "mobilenet_v2")
    path = tmp_path / "weights.h5"
    if layout in ("keras 3", "archive"):
        write_keras3(path, layers)
    else:
        write_keras2(path, layers, whole=layout != "keras 2", nested=layout == "nested")
    if layout == "archive":
        with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
            archive.write(path, "model.weights.h5")
        path = tmp_path / "model.keras"
    other = build("mobilenet_v2", width=0.35)
    result = load_weights(other, "mobilenet_v2", where=str(path), exact=True)
    assert (result.fresh, result.unused) == ((), ())
    assert same(net, other)


@pytest.mark.parametrize(("name", "layer"), [("resnet50", "conv4_block7_1_conv"), ("vgg16", "block3_conv4")])
def test_a_deeper_network_is_not_taken_in_part(name, layer):
    with torch.device("meta"):
        own = build_net(name, outputs=2, image_size=(32, 32)).state_dict()
    stored = {"conv1_conv": [], layer: [], "dense": []}
    words = f"of another or a deeper network than '{name}', which has no layer '{layer}'"
    with pytest.raises(ModelFileError, match=words):
        converted(own, stored, name=name, path=Path("deeper.h5"))


def test_mobilenets_head_is_a_convolution(tmp_path):
    net, other = shaken(build("mobilenet", width=0.25)), build("mobilenet", width=0.25)
    write_keras2(tmp_path / "weights.h5", keras_arrays(net, "mobilenet"))
    load_weights(other, "mobilenet", where=str(tmp_path / "weights.h5"), exact=True)
    assert same(net, other)


def test_resnets_biases_go_into_the_means(tmp_path):
    layers = {
        "conv1_conv": [np.full((7, 7, 3, 64), 0.01, np.float32), np.linspace(-1, 1, 64, dtype=np.float32)],
        "conv1_bn": [np.full(64, value, np.float32) for value in (1.5, 0.2, 0.3, 0.9)],
    }
    write_keras2(tmp_path / "part.h5", layers)
    found = read_keras(tmp_path / "part.h5", "resnet50", net=build("resnet50"))
    assert set(found) == {
        "conv1.weight",
        *(f"bn1.{leaf}" for leaf in ("weight", "bias", "running_mean", "running_var")),
    }
    # Keras: 1.5 (c + b − 0.3) / sqrt(0.9 + 1.001e-5) + 0.2 of a convolution's c = 2.
    norm = nn.BatchNorm2d(64).eval()
    norm.load_state_dict({key[4:]: value for key, value in found.items() if key[:4] == "bn1."}, strict=False)
    expected = 1.5 * (2 + layers["conv1_conv"][1] - 0.3) / np.sqrt(0.9 + 1.001e-5) + 0.2
    with torch.no_grad():
        np.testing.assert_allclose(norm(torch.full((1, 64, 1, 1), 2.0)).flatten().numpy(), expected, rtol=1e-6)


def test_vgg_without_its_top_and_in_blue_green_red(tmp_path):
    class Body(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = shaken(nn.Sequential(*build("vgg16").features))

    body = Body()
    path = tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    write_keras2(path, keras_arrays(body, "vgg16"))
    net = build("vgg16")
    result = load_weights(net, "vgg16", where=str(path))
    assert result.fresh == tuple(f"classifier.{index}.{leaf}" for index in (0, 3, 6) for leaf in ("weight", "bias"))
    assert torch.equal(net.features[0].weight, body.features[0].weight.flip(1))
    assert torch.equal(net.features[2].weight, body.features[2].weight)
    # Caffe's means, blue 103.939, green 116.779, red 123.68, on 0 to 255.
    assert [round(mean * 255, 3) for mean in result.mean] == [123.68, 116.779, 103.939]
    own = tmp_path / "my_vgg.h5"
    path.rename(own)
    result = load_weights(net, "vgg16", where=str(own))
    assert torch.equal(net.features[0].weight, body.features[0].weight)
    assert result.mean is None, "nothing tells, and torchvision's mean would be wrong in any case"
    assert expected_pixels("vgg16", where=str(own)) is None


def test_vggs_first_dense_layer_reads_the_maps_in_keras_order(tmp_path):
    kernel = np.arange(7 * 7 * 512, dtype=np.float32)[:, None] * np.ones((1, 2), np.float32)
    write_keras2(tmp_path / "fc.h5", {"fc1": [kernel, np.zeros(2, np.float32)]})
    net = build("vgg16")
    weight = read_keras(tmp_path / "fc.h5", "vgg16", net=net)["classifier.0.weight"]
    # The number at row 2, column 3, map 5 stands at (2·7 + 3)·512 + 5 there, and at 5·49 + 2·7 + 3 here.
    assert weight[0, 5 * 49 + 2 * 7 + 3] == (2 * 7 + 3) * 512 + 5


def test_inceptions_scale_is_one_and_its_layers_are_counted(tmp_path):
    layers = {"conv2d_8": [np.zeros((3, 3, 3, 32), np.float32)], "conv2d_10": [np.ones((3, 3, 32, 32), np.float32)]}
    layers["batch_normalization_7"] = [np.full(32, value, np.float32) for value in (0.1, 0.2, 0.3)]
    write_keras2(tmp_path / "part.h5", layers)
    net = build("inception_v3", size=(75, 75))
    found = read_keras(tmp_path / "part.h5", "inception_v3", net=net)
    assert found["Conv2d_1a_3x3.bn.weight"].unique().tolist() == [1.0]
    assert found["Conv2d_1a_3x3.bn.running_var"][0] == pytest.approx(0.3)
    assert found["Conv2d_2a_3x3.conv.weight"].unique().tolist() == [1.0]


def test_layers_numbered_by_keras_1_2_and_3():
    assert numbered(["conv2d", "conv2d_1", "conv2d_10"])["conv2d:2"] == "conv2d_10"
    assert numbered(["convolution2d_4", "convolution2d_1"])["conv2d:0"] == "convolution2d_1"
    assert numbered(["batchnormalization_2"])["batch_normalization:0"] == "batchnormalization_2"


def test_a_variant_that_computes_otherwise_is_refused(tmp_path):
    write_keras2(tmp_path / "weights.h5", {"conv1": [np.zeros(1, np.float32)]})
    with pytest.raises(ModelFileError, match="build it with the option variant=keras"):
        load_weights(build("mobilenet", variant="timm"), "mobilenet", where=str(tmp_path / "weights.h5"))


def test_a_network_that_keras_does_not_have(tmp_path):
    write_keras2(tmp_path / "weights.h5", {"conv1": [np.zeros(1, np.float32)]})
    with pytest.raises(ModelFileError, match="no network that Keras has: use one of vgg16"):
        load_weights(build("resnet18"), "resnet18", where=str(tmp_path / "weights.h5"))


def test_a_sibling_s_keras_file(tmp_path):
    kernel, bias = np.zeros((7, 7, 3, 64), np.float32), np.zeros(64, np.float32)
    write_keras2(tmp_path / "resnet50v2.h5", {"conv1_conv": [kernel, bias]})
    with pytest.raises(ModelFileError, match="not hold the weights of 'resnet50'"):
        load_weights(build("resnet50", variant="paper"), "resnet50", where=str(tmp_path / "resnet50v2.h5"))


def test_another_networks_keras_file(tmp_path):
    write_keras2(tmp_path / "weights.h5", {"dense": [np.zeros((2, 2), np.float32), np.zeros(2, np.float32)]})
    with pytest.raises(ModelFileError, match="not hold a layer of 'mobilenet'"):
        load_weights(build("mobilenet"), "mobilenet", where=str(tmp_path / "weights.h5"))


@pytest.mark.parametrize("kind", ["cut", "empty"])
def test_damaged_files(tmp_path, kind):
    path = tmp_path / "weights.h5"
    write_keras2(path, {"conv1": [np.zeros((300, 300), np.float32)]} if kind == "cut" else {})
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:-200_000])
    words = "damaged or cut off" if kind == "cut" else "holds no layers with weights"
    with pytest.raises(ModelFileError, match=words):
        load_weights(build("mobilenet"), "mobilenet", where=str(path))


def test_arrays_of_another_file_are_not_taken(tmp_path):
    """HDF5 can name bytes of any file of this machine as an array: they would become weights, and be shared."""
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(16)))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_dataset("variable0:0", data=np.zeros(4, np.float32))

    def outside(group):
        group.create_dataset("variable0:0", shape=(4,), dtype="f4", external=[(str(secret), 0, 16)])

    def linked(group):
        group["variable0:0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "variable0:0")

    def virtual(group):
        layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "variable0:0", shape=(4,))
        group.create_virtual_dataset("variable0:0", layout)

    for kind in (outside, linked, virtual):
        path = tmp_path / f"{kind.__name__}.h5"
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = ["conv1"]
            kind(file.create_group("conv1"))
            file["conv1"].attrs["weight_names"] = ["variable0:0"]
        with pytest.raises(ModelFileError, match="is kept in another file"):
            keras_files.keras_arrays(path)


def test_a_small_file_of_huge_arrays_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        variables = file.create_group("layers/dense/vars")
        variables.create_dataset("0", shape=(10**6, 10**6), dtype="f4", chunks=(1000, 1000))  # none of it is stored
    with pytest.raises(ModelFileError, match=r"1,000,000,000,000 numbers, more than 1,073,741,824"):
        keras_files.keras_arrays(path)
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.write(path, "model.weights.h5")
    monkeypatch.setattr(keras_files, "MOST_NUMBERS", 100)
    with pytest.raises(ModelFileError, match=r"model.weights.h5 in it would take [\d,]+ bytes"):
        keras_files.keras_arrays(tmp_path / "model.keras")


def test_pixels_of_published_files_alone(tmp_path):
    assert keras_pixels("resnet50", tmp_path / "mine.h5") is None
    assert keras_pixels("mobilenet", tmp_path / "mobilenet_1_0_224_tf.h5") == ((0.5,) * 3, (0.5,) * 3)


EARLIER = {  # as in the files that Keras downloads for these networks
    "Conv1": "Conv1", "bn_Conv1": "bn_Conv1", "Conv_1_bn": "Conv_1_bn", "predictions": "Logits",
    "expanded_conv_depthwise": "mobl0_conv_0_depthwise", "expanded_conv_depthwise_BN": "bn0_conv_0_bn_depthwise",
    "expanded_conv_project": "mobl0_conv_0_project", "expanded_conv_project_BN": "bn0_conv_0_bn_project",
    "block_16_expand": "mobl16_conv_16_expand", "block_16_expand_BN": "bn16_conv_16_bn_expand",
}  # fmt: skip


def test_earlier_names_of_mobilenet_v2_and_of_resnets_head():
    assert {as_of_today("mobilenet_v2", earlier): name for name, earlier in EARLIER.items()} == {n: n for n in EARLIER}
    assert as_of_today("resnet152", "probs") == "predictions"
    assert as_of_today("xception", "probs") == "probs"


def test_a_file_with_the_earlier_names_is_read_whole(tmp_path):
    net = shaken(build("mobilenet_v2"))
    layers = keras_arrays(net, "mobilenet_v2")
    blocks = re.compile(r"(?:expanded_conv|block_(\d+))_(expand|depthwise|project)(_BN)?")

    def earlier(name):
        if (found := blocks.fullmatch(name)) is None:
            return EARLIER.get(name, name)
        number = found[1] or "0"
        return f"bn{number}_conv_{number}_bn_{found[2]}" if found[3] else f"mobl{number}_conv_{number}_{found[2]}"

    write_keras2(tmp_path / "old.h5", {earlier(name): arrays for name, arrays in layers.items()})
    read = read_keras(tmp_path / "old.h5", "mobilenet_v2", net=net)
    own = {key: tensor for key, tensor in net.state_dict().items() if tensor.ndim}
    assert read.keys() == own.keys()
    assert all(torch.equal(read[key], own[key]) for key in own)
