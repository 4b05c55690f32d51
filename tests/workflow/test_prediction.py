"""Names for files."""

import numpy as np
from PIL import Image

from tellapart.classifier import Classifier
from tellapart.workflow.prediction import predict

from ..models import make


def on(background: int) -> Classifier:
    made = make("softmax")
    spec = made.preprocessing.model_copy(update={"background": background})
    return Classifier(made.net, made.description.model_copy(update={"preprocessing": spec}))


def test_a_transparent_file_lies_on_the_background_that_was_trained_with(tmp_path):
    Image.new("LA", (20, 20), (255, 0)).save(tmp_path / "logo.png")
    answers = []
    for background in (0, 90, 255):
        classifier = on(background)
        (found,) = predict(classifier, [tmp_path / "logo.png"])
        assert found.answer == classifier.classify(np.full((20, 20), background, dtype=np.uint8))
        answers.append(found.answer.ranking)
    assert len(set(answers)) == 3
