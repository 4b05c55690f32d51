"""What a classifier says of any picture."""

import dataclasses
import io
import os

import numpy as np
import pytest
import torch
from PIL import Image, TiffImagePlugin

from tellapart.classifier import Answer, Classifier
from tellapart.errors import DataError, UnreadableImageError
from tellapart.images.decode import as_pixels
from tellapart.nets.base import two_logits

from .models import NETS, make


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (23, 16, 16, 1), dtype=np.uint8)


@pytest.fixture
def colour() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (31, 25, 3), dtype=np.uint8)


# Pictures of all kinds


def stored(image: Image.Image, kind="PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("channels", [1, 3])
def test_every_form_of_a_picture_gets_the_same_answer(tmp_path, colour, channels):
    classifier = make(channels=channels)
    image = Image.fromarray(colour)
    image.save(tmp_path / "笔.png")
    forms = [
        colour, image, stored(image), tmp_path / "笔.png", str(tmp_path / "笔.png"), np.asfortranarray(colour),
        np.dstack([colour, np.full((31, 25), 255, np.uint8)]), image.convert("RGBA"),
    ]  # fmt: skip
    answers = classifier.classify_all(forms)
    assert len(set(answers)) == 1
    alone = classifier.classify(colour)  # a batch of another size, which rounds otherwise
    assert (alone.name, alone.probability) == (answers[0].name, pytest.approx(answers[0].probability, abs=1e-6))


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_pictures_in_every_form(colour, channels):
    classifier = make(channels=channels)
    grey = colour[..., 0]
    forms = [grey, grey[..., None], Image.fromarray(grey), np.repeat(grey[..., None], 3, axis=2), grey.tolist()]
    answers = classifier.classify_all(forms[:4])
    assert len({answer.name for answer in answers}) == 1
    assert np.ptp([answer.probability for answer in answers]) < 1e-6
    with pytest.raises(DataError, match="int64"):
        classifier.classify(forms[4])


def test_transparency_lies_over_the_models_own_background(colour):
    alpha = np.dstack([colour, np.zeros((31, 25), np.uint8)])
    for background in (0, 255):
        classifier = make(channels=3)
        spec = classifier.preprocessing.model_copy(update={"background": background})
        classifier = Classifier(classifier.net, classifier.description.model_copy(update={"preprocessing": spec}))
        flat = np.full((31, 25, 3), background, dtype=np.uint8)
        assert classifier.classify(alpha) == classifier.classify(flat) == classifier.classify(Image.fromarray(alpha))


MODES = [
    "1",
    "L",
    "LA",
    "La",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBa",
    "RGBX",
    "CMYK",
    "YCbCr",
    "HSV",
    "LAB",
    "I",
    "F",
    "I;16",
]


@pytest.mark.parametrize("mode", MODES)
def test_pil_images_of_every_mode_are_taken(mode):
    size = (9, 7)
    image = Image.new(mode, size)
    assert as_pixels(image).shape[:2] == (7, 9)
    assert make(channels=3).classify(image).name in ("ant", "bee", "cat")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pil_image_is_turned_upright_as_its_file_is(tmp_path, colour, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(colour).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as image:
        assert (as_pixels(image) == as_pixels(tmp_path / "turned.png")).all()


def test_rare_kinds_have_the_same_pixels_from_their_file_and_from_pil(tmp_path, colour):
    dark = (np.arange(48, dtype=np.uint16) * 5).reshape(6, 8)
    (tmp_path / "dark.pgm").write_bytes(b"P5 8 6 65535\n" + dark.astype(">u2").tobytes())
    white_is_zero = TiffImagePlugin.ImageFileDirectory_v2()
    white_is_zero[262] = 0
    Image.fromarray(dark * 250).save(tmp_path / "white is 0.tif", tiffinfo=white_is_zero)
    Image.fromarray(colour).convert("CMYK").save(tmp_path / "print.jpg")
    marked = (tmp_path / "print.jpg").read_bytes()
    at = marked.index(b"\xff\xee")  # Adobe's marker: without it, no one says that the inks are stored inverted
    (tmp_path / "plain print.jpg").write_bytes(marked[:at] + marked[at + 2 + int.from_bytes(marked[at + 2 : at + 4]) :])
    for path in sorted(tmp_path.iterdir()):
        with Image.open(path) as image:
            assert (as_pixels(image) == as_pixels(path)).all(), path.name
    assert (as_pixels(tmp_path / "plain print.jpg") != as_pixels(tmp_path / "print.jpg")).any()


def test_a_bad_file_among_many_is_named_and_a_pipe_is_no_picture(tmp_path, colour):
    Image.fromarray(colour).save(tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:-20])
    with pytest.raises(UnreadableImageError, match=r"the picture '.*cut\.png': truncated PNG"):
        make().classify_all([tmp_path / "good.png", tmp_path / "cut.png"])
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableImageError, match=r"pipe\.png': not a regular file"):
        make().classify(tmp_path / "pipe.png")


def test_pictures_above_a_limit_are_refused_before_they_are_decoded():
    large = Image.new("RGB", (400, 300))
    for given in (stored(large, "PNG"), large):
        with pytest.raises(DataError, match=r"400x300 pixels .* are more than the 100,000 that are decoded"):
            make().classify(given, max_pixels=100_000)
        assert make().classify(given, max_pixels=120_000).name in ("ant", "bee", "cat")


def test_no_pictures_have_rows_as_long_as_any():
    classifier = make()
    none, one = (np.zeros((n, *classifier.preprocessing.image_size, 1), dtype=np.uint8) for n in (0, 1))
    assert classifier.embeddings(none).shape == (0, classifier.embeddings(one).shape[1])
    assert classifier.look(none)[0].shape == classifier.logits(none).shape == (0, 3)


def test_a_pil_image_is_not_changed(colour):
    image = Image.fromarray(colour)
    before = image.tobytes()
    make(channels=1).classify(image)
    assert (image.mode, image.tobytes()) == ("RGB", before)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((4, 20, 20, 3), np.uint8), r"uint8 of shape \(4, 20, 20, 3\): pass the pictures one by one"),
        (np.zeros((1, 20, 20, 1), np.uint8), "classify_all"),
        (np.zeros((20, 20), np.float32), "float32 .*: multiply by 255 where the values are 0 to 1"),
        (np.zeros((20, 20, 3), np.int64), "int64 of shape"),
        (np.zeros((3, 20, 20), np.uint8), r"got uint8 of shape \(3, 20, 20\)"),
        (np.zeros((20, 20, 2), np.uint8), r"\(20, 20, 2\)"),
        (np.zeros((0, 20, 3), np.uint8), r"\(0, 20, 3\)"),
        (np.zeros((20,), np.uint8), r"\(20,\)"),
        (np.zeros((2, 2), bool), "bool"),
        (None, "object"),
        (7, "int64"),
        ("no such.png", "there is no picture at 'no such.png'"),
        ("", "there is no picture at ''"),
        (".", "the picture '.': not a regular file"),
        ("a\0b", "there is no picture"),
        ("n" * 5000, "there is no picture"),
        (b"", "empty"),
        (b"GIF89a", "GIF"),
        (b"<!DOCTYPE html>", "web page"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_named(picture, message):
    with pytest.raises(DataError, match=message):
        make().classify(picture)


def test_a_truncated_pil_image_is_named(tmp_path, colour):
    data = stored(Image.fromarray(colour), "JPEG")
    with Image.open(io.BytesIO(data[:-200])) as image, pytest.raises(DataError, match="PIL image cannot be read"):
        make().classify(image)


@pytest.mark.parametrize(
    "one", [np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20, 1), np.uint8), "one.png", b"\x89PNG"]
)
def test_one_picture_given_to_classify_all_is_named(one):
    with pytest.raises(DataError, match=r"use classify, or \[picture\]"):
        make().classify_all(one)


def test_a_batch_is_taken_by_classify_all(pixels):
    classifier = make()
    answers = classifier.classify_all(pixels)
    assert answers == classifier.classify_all(pixels[..., 0])
    assert answers == classifier.classify_all(iter(pixels))
    assert classifier.classify_all([]) == []


@pytest.mark.parametrize("wrong", [(23, 16, 16), (23, 12, 16, 1), (23, 16, 16, 3), (16, 16, 1)])
def test_resized_pixels_of_another_shape_are_named(wrong):
    with pytest.raises(DataError, match=r"must be uint8 of shape \(N, 16, 16, 1\), got"):
        make().logits(np.zeros(wrong, np.uint8))


def test_resized_pixels_of_another_type_are_named(pixels):
    with pytest.raises(DataError, match="got float64"):
        make().probabilities(pixels / 255)


# What it says


def test_probabilities_are_the_softmax_of_logits_over_the_temperature(pixels):
    plain = make()
    logits = plain.logits(pixels).astype(float)
    for temperature in (0.5, 1.0, 3.0):
        classifier = Classifier(plain.net, plain.description.model_copy(update={"temperature": temperature}))
        powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
        found = classifier.probabilities(pixels)
        assert found.dtype == np.float32
        assert np.abs(found - powers / powers.sum(axis=1, keepdims=True)).max() < 1e-6
        assert np.abs(found.sum(axis=1) - 1).max() < 1e-6
        assert (classifier.logits(pixels) == plain.logits(pixels)).all()


def test_logits_are_those_of_the_formula_in_numpy(pixels):
    classifier = make("softmax")
    state = {name: tensor.numpy() for name, tensor in classifier.net.state_dict().items()}
    scaled = (pixels / 255 - 0.4) / 0.3
    flat = scaled.transpose(0, 3, 1, 2).reshape(len(pixels), -1)
    assert np.abs(classifier.logits(pixels) - (flat @ state["head.weight"].T + state["head.bias"])).max() < 1e-4


def test_a_ranking_is_sorted_and_cut(pixels):
    classifier = make()
    full = classifier.classify(pixels[0])
    assert isinstance(full, Answer)
    assert sorted(full.ranking, key=lambda pair: -pair[1]) == list(full.ranking)
    assert (full.name, full.probability) == full.ranking[0]
    assert {name for name, _ in full.ranking} == {"ant", "bee", "cat"}
    assert classifier.classify(pixels[0], top=2).ranking == full.ranking[:2]
    assert classifier.classify(pixels[0], top=99).ranking == full.ranking
    for top in (0, -1):
        with pytest.raises(DataError, match="top must be at least 1"):
            classifier.classify(pixels[0], top=top)


def test_a_sigmoid_model_is_the_two_class_softmax_of_nought_and_z(tmp_path, pixels):
    one = make(names=("cat", "dog"), sigmoid=True, temperature=1.3)
    z = one.net(torch.from_numpy((pixels.transpose(0, 3, 1, 2) / 255 - 0.4) / 0.3).float()).detach().numpy()
    assert z.shape == (23, 1)
    dog = 1 / (1 + np.exp(-z[:, 0].astype(float) / 1.3))
    found = one.probabilities(pixels)
    assert np.abs(found[:, 1] - dog).max() < 1e-5
    assert np.abs(found.sum(axis=1) - 1).max() < 1e-6
    assert (one.logits(pixels)[:, 0] == 0).all()
    one.save(tmp_path / "model")
    assert (Classifier.load(tmp_path / "model").probabilities(pixels) == found).all()


def test_two_sided_leaves_several_outputs_alone():
    logits = torch.tensor([[1.0, 2.0]])
    assert two_logits(logits) is logits
    assert two_logits(torch.tensor([[3.0]])).tolist() == [[0.0, 3.0]]


@pytest.mark.parametrize("net", NETS)
def test_the_batch_size_does_not_matter(pixels, net):
    classifier = make(net)
    all_at_once = classifier.logits(pixels)
    for batch_size in (1, 2, 7, 22, 23, 1000):
        assert np.abs(classifier.logits(pixels, batch_size=batch_size) - all_at_once).max() < 1e-4
    assert classifier.logits(pixels[:0]).shape == (0, 3)


def test_embeddings_are_what_the_last_layer_sees(pixels):
    classifier = make()
    found = classifier.embeddings(pixels)
    state = classifier.net.state_dict()
    logits = found @ state["head.weight"].numpy().T + state["head.bias"].numpy()
    assert np.abs(logits - classifier.logits(pixels)).max() < 1e-4


def test_no_trace_is_left(pixels):
    classifier = make("convnet64")
    classifier.net.train()
    random, weights = torch.get_rng_state(), {k: v.clone() for k, v in classifier.net.state_dict().items()}
    first, second = classifier.logits(pixels), classifier.logits(pixels)
    assert (first == second).all()  # dropout is off, though the network stood in training mode
    assert classifier.net.training
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.is_grad_enabled()
    assert all(parameter.grad is None and parameter.requires_grad for parameter in classifier.net.parameters())
    assert all(torch.equal(weights[name], tensor) for name, tensor in classifier.net.state_dict().items())


def test_the_mode_is_restored_where_the_network_fails(pixels, monkeypatch):
    classifier = make()
    classifier.net.train()

    def fails(pictures):
        raise RuntimeError("no")

    monkeypatch.setattr(classifier.net, "embed", fails)
    with pytest.raises(RuntimeError, match="no"):
        classifier.embeddings(pixels)
    assert classifier.net.training


def test_given_pixels_are_not_changed(pixels):
    before = pixels.copy()
    pixels.setflags(write=False)
    make().probabilities(pixels)
    assert (pixels == before).all()


def test_it_shows_what_it_is():
    assert repr(make()) == "Classifier('compact', 3 classes, 16x16 grey)"
    assert dataclasses.is_dataclass(Answer)
