"""The forward passes, number by number, against Keras, TensorFlow, torchvision and timm.

The records were made by the programs in ``reference``, each in an environment of its own; both sides compute the same
weights and pictures by a formula, so that no weights are kept.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tellapart.nets import build_net

HERE = Path(__file__).parent
RECORDS = json.loads((HERE.parent / "golden" / "reference_outputs.json").read_text())


def _formula():
    spec = importlib.util.spec_from_file_location("formula", HERE / "reference" / "formula.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


formula = _formula()


def fill(net, *, unscaled, top):
    with torch.no_grad():
        for key, tensor in net.state_dict().items():
            if not tensor.ndim or not (top or key.startswith("features")):
                continue
            # Keras' Inception v3 has no scale in its batch normalisation.
            if unscaled and key.endswith(".bn.weight"):
                tensor.fill_(1)
            else:
                tensor.copy_(torch.from_numpy(formula.weights(key, tuple(tensor.shape))))


def prepared(record):
    options = {"variant": record["variant"]} if record["variant"] else {}
    # The formula overwrites every weight: none need be drawn.
    with torch.device("meta"):
        net = build_net(record["net"], outputs=formula.OUTPUTS, image_size=tuple(record["size"]), options=options)
    if not record["top"]:
        del net.classifier
    net = net.to_empty(device="cpu").eval()
    fill(net, unscaled=is_unscaled(record), top=record["top"])
    return net


def is_unscaled(record):
    return (record["net"], record["variant"]) == ("inception_v3", "keras")


def close(found, expected):
    expected = np.asarray(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * float(np.abs(expected).max()))


@pytest.mark.parametrize("case", sorted(RECORDS))
def test_the_outputs_are_the_references(case):
    record = RECORDS[case]
    net = prepared(record)
    pictures = torch.from_numpy(formula.pictures(*record["size"]))
    with torch.no_grad():
        features = net.feature_map(pictures)
        # Not embed once more: the features are there already.
        net.feature_map = lambda pictures: features
        logits = net(pictures).numpy() if record["top"] else None
    assert list(features.shape[1:]) == record["features_shape"]
    found = formula.record(None, features.numpy(), 0)
    close(found["features"], record["features"])
    if record["top"]:
        close(logits, record["logits"])


@pytest.mark.parametrize("case", sorted(RECORDS))
def test_the_numbers_of_parameters_are_the_references(case):
    record = RECORDS[case]
    options = {"variant": record["variant"]} if record["variant"] else {}
    with torch.device("meta"):
        net = build_net(record["net"], outputs=formula.OUTPUTS, image_size=tuple(record["size"]), options=options)
    counted = {key: p.numel() for key, p in net.named_parameters() if record["top"] or key.startswith("features")}
    if is_unscaled(record):
        counted = {key: count for key, count in counted.items() if not key.endswith(".bn.weight")}
    assert sum(counted.values()) == record["parameters"]
