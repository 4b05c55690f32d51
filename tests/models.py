"""A small classifier with made weights."""

import torch

from tellapart.classifier import Classifier, Description
from tellapart.images.preprocessing import Preprocessing

NETS = ("softmax", "convnet16", "convnet64", "compact")


def make(net="compact", *, names=("ant", "bee", "cat"), channels=1, seed=0, **changes) -> Classifier:
    spec = Preprocessing(image_size=(16, 16), channels=channels, mean=(0.4,) * channels, std=(0.3,) * channels)
    options = {"width": 4} if net == "compact" else {}
    description = Description(net=net, options=options, class_names=names, preprocessing=spec, **changes)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        built = description.build()
        for buffer_name, buffer in built.named_buffers():
            if buffer_name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
    return Classifier(built, description)
