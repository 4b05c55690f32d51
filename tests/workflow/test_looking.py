"""Many pictures through a network that is made over for them: the same as the classifier itself says."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image

from tellapart.classifier import Classifier, Description
from tellapart.images.preprocessing import Preprocessing
from tellapart.workflow import looking, prediction
from tellapart.workflow.looking import Looker
from tellapart.workflow.prediction import predict

from ..models import make


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (21, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def depthwise():
    """A network with depthwise convolutions."""

    def made(**changes) -> Classifier:
        description = Description(
            net="mobilenet_v2", options={"width": 0.35}, preprocessing=Preprocessing(image_size=(32, 32), channels=3),
            **{"class_names": ("ant", "bee", "cat"), **changes},
        )  # fmt: skip
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return Classifier(description.build(), description)

    return made


@pytest.fixture
def few(monkeypatch):
    """Four pictures are many."""
    for module in (looking, prediction):
        monkeypatch.setattr(module, "MANY", 4)


def lanes() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("lane")]


@pytest.mark.parametrize("changes", [{}, {"class_names": ("ant", "bee"), "sigmoid": True}])
def test_many_pictures_are_looked_at_in_lanes_with_the_same_result(depthwise, pixels, few, monkeypatch, changes):
    classifier = depthwise(**changes)
    expected = classifier.look(pixels)
    monkeypatch.setattr(classifier, "look", None)
    with Looker(classifier, pictures=21) as looker:
        found = looker.look(pixels)
        again = looker.look(pixels[:3])
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.float32
        assert one == pytest.approx(other, abs=1e-4 * float(np.abs(other).max()))
    assert (again[1] == found[1][:3]).all(), "what is seen of a picture does not hang on those beside it"


@pytest.mark.parametrize("count", [3, 21])
def test_few_pictures_and_other_networks_are_looked_at_by_the_classifier_itself(depthwise, pixels, few, count):
    classifier = depthwise() if count == 3 else make("compact")
    some = pixels if count == 3 else pixels[:, :16, :16, :1]
    with Looker(classifier, pictures=count) as looker:
        logits, embeddings = looker.look(some)
        assert not lanes()
    assert (logits == classifier.logits(some)).all()
    assert (embeddings == classifier.embeddings(some)).all()


def test_threads_that_begin_meanwhile_have_as_many_of_torch_s_as_before(depthwise, pixels, few):
    before, found = torch.get_num_threads(), []
    with Looker(depthwise(), pictures=21) as looker:
        looker.look(pixels)
        other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        other.start()
        other.join()
    assert found == [before]
    assert torch.get_num_threads() == before


def test_files_get_the_answers_that_each_gets_by_itself(depthwise, pixels, few, tmp_path):
    classifier, paths = depthwise(), []
    for number, picture in enumerate(pixels):
        paths.append(tmp_path / f"{number:02}.png")
        Image.fromarray(picture).save(paths[-1])
    (tmp_path / "05.png").write_bytes(b"no picture")
    answers = predict(classifier, paths, threshold=0.5)
    first = next(answers)
    assert lanes()
    found = [first, *answers]
    assert not lanes()
    assert [one.file for one in found] == [str(path) for path in paths]
    assert [bool(one.problem) for one in found] == [number == 5 for number in range(21)]
    for one, picture in zip(found, pixels, strict=True):
        if one.answer is not None:
            alone = classifier.classify(picture)
            assert one.answer.probability == pytest.approx(alone.probability, abs=1e-4)
            assert one.sure == (one.answer.probability >= 0.5)


def test_a_prediction_that_is_not_wanted_to_its_end_leaves_no_thread(depthwise, pixels, few, tmp_path):
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / f"{number:02}.png")
    answers = predict(depthwise(), [tmp_path])
    next(answers)
    assert lanes()
    answers.close()
    assert not lanes()
