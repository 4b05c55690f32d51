"""What every network with published weights promises."""

import inspect
from pathlib import Path

import pytest
import torch
from torch import nn

from tellapart.errors import NetError, RecipeError
from tellapart.nets import build_net, nets
from tellapart.nets.layers import adaptive_average

GOLDEN = Path(__file__).parents[1] / "golden"
PUBLISHED = [
    "alexnet",
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "googlenet",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "resnet101",
    "resnet152",
    "resnet18",
    "resnet34",
    "resnet50",
    "vgg16",
    "vgg19",
    "xception",
]


def meta(name, *, outputs=1000, channels=3, size=None, **options):
    size = size or nets.get(name).made_for[:2]
    with torch.device("meta"):
        return build_net(name, outputs=outputs, channels=channels, image_size=size, options=options).eval()


def blank(*shape):
    return torch.zeros(*shape, device="meta")


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_these_are_the_published_networks():
    assert [name for name, spec in nets if spec.published] == PUBLISHED


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_and_shapes_are_those_of_the_published_file(name):
    options = {"auxiliary": True} if "auxiliary" in nets.get(name).options else {}
    own = {key: "x".join(map(str, tensor.shape)) or "-" for key, tensor in meta(name, **options).state_dict().items()}
    golden = dict(line.split() for line in (GOLDEN / f"{name}.txt").read_text().splitlines())
    assert own == golden


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_number_of_parameters_is_the_published_one(name):
    net = meta(name)
    assert parameters(net) == nets.get(name).published.parameters
    said = f"{nets.get(name).published.parameters:,}"
    assert said in (inspect.getmodule(nets.get(name).build).__doc__ or "")


@pytest.mark.parametrize("name", PUBLISHED)
def test_stages_run_from_the_input_to_the_head_and_hold_each_parameter_once(name):
    net = meta(name, **({"auxiliary": True} if "auxiliary" in nets.get(name).options else {}))
    stages = net.stages()
    order = list(stages)
    blocks = [stage for stage in order if stage.startswith("block")]
    assert order[-1] == "head"
    assert blocks == [f"block{number}" for number in range(1, len(blocks) + 1)]
    assert [s for s in order if s not in blocks] == [s for s in ("stem", "neck", "auxiliary", "head") if s in order]
    held = [id(parameter) for stage in stages.values() for parameter in stage.parameters()]
    assert sorted(held) == sorted(id(parameter) for parameter in net.parameters())
    head = [layer for layer in stages["head"].modules() if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in head] == [1000]


@pytest.mark.parametrize("name", PUBLISHED)
def test_any_number_of_classes_and_grey_pictures(name):
    net = meta(name, outputs=7, channels=1)
    height, width = nets.get(name).made_for[:2]
    embedding = net.embed(blank(2, 1, height, width))
    assert embedding.ndim == 2
    assert net.classify(embedding).shape == net(blank(2, 1, height, width)).shape == (2, 7)
    assert net.feature_map(blank(2, 1, height, width)).ndim == 4


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_smallest_size_works_and_a_smaller_one_says_so(name):
    smallest = nets.get(name).min_size
    net = meta(name, outputs=2, size=smallest)
    assert net(blank(1, 3, *smallest)).shape == (1, 2)
    with pytest.raises(NetError, match=f"at least {smallest[0]}x{smallest[1]} for '{name}'"):
        meta(name, size=(smallest[0] - 1, smallest[1]))


@pytest.mark.parametrize(
    ("name", "options", "smallest"),
    [
        ("alexnet", {}, 63),
        ("alexnet", {"variant": "paper"}, 67),
        ("alexnet", {"variant": "plain"}, 67),
        ("inception_v3", {}, 75),
        ("vgg16", {}, 32),
        ("vgg19", {}, 32),
    ],
)
def test_the_smallest_size_is_exact_where_nothing_pads(name, options, smallest):
    net = meta(name, size=(smallest, smallest), **options)
    assert net(blank(1, 3, smallest, smallest)).shape == (1, 1000)
    with pytest.raises(RuntimeError):
        net(blank(1, 3, smallest - 1, smallest))


def test_vgg16_without_its_top_as_in_the_course():
    net = meta("vgg16")
    assert parameters(net.features) == 14_714_688
    assert net.feature_map(blank(1, 3, 150, 150)).shape == (1, 512, 4, 4)
    # Thirteen convolutions with a bias each are 26 of the course's 30 weight tensors.
    assert len(list(net.features.parameters())) == 26


def test_xception_without_its_top_as_in_the_course():
    assert meta("xception").feature_map(blank(1, 3, 150, 150)).shape == (1, 2048, 5, 5)
    assert meta("xception", variant="keras").feature_map(blank(1, 3, 150, 150)).shape == (1, 2048, 5, 5)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("alexnet", (256, 6, 6)),
        ("googlenet", (1024, 7, 7)),
        ("inception_v3", (2048, 8, 8)),
        ("resnet50", (2048, 7, 7)),
        ("xception", (2048, 10, 10)),
        ("efficientnet_lite0", (1280, 7, 7)),
    ],
)
def test_the_last_map_is_the_papers(name, shape):
    assert meta(name).feature_map(blank(1, 3, *nets.get(name).made_for[:2])).shape[1:] == shape


def test_alexnet_in_the_papers_terms():
    net = meta("alexnet", size=(227, 227), variant="paper")
    # 60,965,224 is also the count of Caffe's AlexNet, made from the paper.
    assert parameters(net) == 60_965_224
    assert net.features[0](blank(1, 3, 227, 227)).shape == (1, 96, 55, 55)
    plain = meta("alexnet", size=(227, 227), variant="plain")
    # By hand: 34,944 + 614,656 + 885,120 + 1,327,488 + 884,992 and 37,752,832 + 16,781,312 + 4,097,000.
    assert parameters(plain) == 62_378_344


def test_googlenet_in_the_papers_terms():
    # Caffe's GoogLeNet, made from the paper, counts 6,998,552 with a bias a map; normalisation has two numbers a map.
    net = meta("googlenet", variant="paper")
    maps = sum(layer.out_channels for layer in net.modules() if isinstance(layer, nn.Conv2d))
    assert parameters(net) - maps == 6_998_552


@pytest.mark.parametrize(("name", "heads", "total"), [("googlenet", 2, 13_004_888), ("inception_v3", 1, 27_161_264)])
def test_auxiliary_heads(name, heads, total):
    with pytest.raises(RecipeError, match="auxiliary must be true or false, got 'no'"):
        meta(name, auxiliary="no")
    net = meta(name, auxiliary=True)
    height, width = nets.get(name).made_for[:2]
    logits = net.all_logits(blank(2, 3, height, width))
    assert [tuple(each.shape) for each in logits] == [(2, 1000)] * (heads + 1)
    assert parameters(net) == total
    assert len(meta(name).all_logits(blank(2, 3, height, width))) == 1


def test_inceptions_auxiliary_head_needs_the_size_it_was_made_for():
    with pytest.raises(NetError, match="299x299 for 'inception_v3' with its auxiliary head"):
        meta("inception_v3", size=(298, 299), auxiliary=True)


def test_an_unknown_variant_is_refused():
    with pytest.raises(RecipeError, match="variant must be one of timm, keras for 'xception', got 'tv'"):
        meta("xception", variant="tv")


@pytest.mark.parametrize(
    ("name", "width", "trainable"),
    [
        ("mobilenet", 0.25, 470_072),
        ("mobilenet", 0.5, 1_331_592),
        ("mobilenet_v2", 0.35, 1_677_128),
        ("mobilenet_v2", 1.4, 6_108_776),
    ],
)
def test_other_widths_have_the_counts_of_keras_applications(name, width, trainable):
    assert parameters(meta(name, width=width)) == trainable


@pytest.mark.parametrize("sides", [(4, 4), (7, 7), (5, 9), (14, 28), (1, 3)])
def test_adaptive_average_is_pytorchs(sides):
    maps = torch.rand(2, 3, *sides, generator=torch.Generator().manual_seed(0))
    for size in (4, 7):
        expected = nn.functional.adaptive_avg_pool2d(maps, size)
        torch.testing.assert_close(adaptive_average(maps, size), expected)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_record_is_whole(name):
    published = nets.get(name).published
    assert 50 < published.top1 < published.top5 < 100
    assert published.url.startswith("https://") or published.package
    if published.url:
        assert published.sha256 in published.url
        assert published.sha256 or name == "mobilenet", "its address alone does not name the file's hash"
