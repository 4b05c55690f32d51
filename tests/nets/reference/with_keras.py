"""Make the records of Keras' applications, with our weights copied in.

Run it where Keras and TensorFlow are (made with Keras 3.15.1 on TensorFlow 2.21.0), from the repository's root:

    python tests/nets/reference/with_keras.py
"""

import importlib.util
import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
GOLDEN = ROOT / "tests" / "golden"


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


formula = module(HERE / "formula.py")
names = module(ROOT / "src/tellapart/nets/weights/keras_names.py")
APPS = keras.applications
CASES = {
    "vgg16": (APPS.VGG16, (224, 224), True),
    "vgg19": (APPS.VGG19, (64, 65), False),
    "resnet50": (APPS.ResNet50, (64, 97), True),
    "resnet101": (APPS.ResNet101, (64, 64), True),
    "resnet152": (APPS.ResNet152, (64, 64), True),
    "inception_v3": (APPS.InceptionV3, (139, 150), True),
    "xception": (APPS.Xception, (150, 97), True),
    "mobilenet": (APPS.MobileNet, (97, 96), True),
    "mobilenet_v2": (APPS.MobileNetV2, (97, 96), True),
}
LAST = {"vgg16": "block5_pool", "vgg19": "block5_pool", "inception_v3": "mixed10", "mobilenet": "conv_pw_13_relu"}
LAST |= {"xception": "block14_sepconv2_act", "mobilenet_v2": "out_relu"}


def our_tensors(net):
    """Return name and shape of our tensors, auxiliary heads left out, with the head cut to 16 outputs."""
    found = {}
    for line in (GOLDEN / f"{net}.txt").read_text().splitlines():
        key, text = line.split()
        shape = tuple(int(side) for side in text.split("x")) if text != "-" else ()
        if key.startswith("AuxLogits") or not shape:
            continue
        found[key] = (formula.OUTPUTS, *shape[1:]) if shape[0] == 1000 else shape
    return found


def fill(model, net):
    tensors = our_tensors(net)
    modules = list(dict.fromkeys(key.rsplit(".", 1)[0] for key in tensors))
    layers = names.keras_layers(net, modules)
    real = names.numbered([layer.name for layer in model.layers])
    present = {layer.name for layer in model.layers}
    for ours, theirs in layers.items():
        if real.get(theirs, theirs) not in present:
            continue  # a dense layer, where there is no top
        layer = model.get_layer(real.get(theirs, theirs))
        new = []
        for variable in layer.weights:
            new.append(value(tensors, ours, variable, flat=net.startswith("vgg") and theirs == "fc1"))
        layer.set_weights(new)


def value(tensors, ours, variable, *, flat):
    kind = variable.path.rsplit("/", 1)[-1]
    if kind in ("gamma", "beta", "moving_mean", "moving_variance"):
        leaf = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}[
            kind
        ]
    else:
        leaf = "bias" if kind == "bias" else "weight"
    if "_kernel" in kind:
        ours = ours.rsplit(".", 1)[0] + (".conv1" if kind.startswith("depthwise") else ".pointwise")
    key = f"{ours}.{leaf}"
    if key not in tensors:
        return np.zeros(variable.shape, np.float32)  # the biases that Keras has before batch normalisation
    tensor = formula.weights(key, tensors[key])
    if flat and tensor.ndim == 2:
        tensor = tensor.reshape(-1, 512, 7, 7).transpose(0, 2, 3, 1).reshape(len(tensor), -1)
    if tensor.ndim == 4:
        depthwise = tensor.shape[1] == variable.shape[3] == 1
        tensor = tensor.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    elif tensor.ndim == 2:
        tensor = tensor.T
    return tensor.reshape(variable.shape)


def of_application(net):
    build, (height, width), top = CASES[net]
    options = {"weights": None, "input_shape": (height, width, 3), "include_top": top}
    model = build(**options, **({"classes": formula.OUTPUTS, "classifier_activation": None} if top else {}))
    # Inception leaves the scale of its batch normalisation out: ours is 1 there.
    fill(model, net)
    last = model.get_layer(LAST.get(net, "conv5_block3_out"))
    probe = keras.Model(model.input, [last.output, model.output])
    features, logits = probe.predict(formula.pictures(height, width).transpose(0, 2, 3, 1), verbose=0)
    counted = sum(int(np.prod(v.shape)) for v in model.trainable_weights)
    extra = sum(int(v.shape[0]) for layer in model.layers for v in layer.weights if is_extra_bias(net, layer, v))
    found = formula.record(logits if top else None, features.transpose(0, 3, 1, 2), counted - extra)
    return {"net": net, "size": [height, width], "variant": names.VARIANTS.get(net), "top": top, **found}


def is_extra_bias(net, layer, variable):
    return net.startswith("resnet") and layer.name.endswith("_conv") and variable.path.endswith("/bias")


def alexnet_paper():
    """The paper's five convolutions, in two groups and with local response normalisation, in plain TensorFlow."""
    maps = tf.constant(formula.pictures(227, 227).transpose(0, 2, 3, 1))
    parameters = 0
    plan = [(0, 96, 4, "VALID", 1), (4, 256, 1, "SAME", 2), (8, 384, 1, "SAME", 1)]
    plan += [(10, 384, 1, "SAME", 2), (12, 256, 1, "SAME", 2)]
    for place, (index, outputs, stride, padding, groups) in enumerate(plan):
        inputs, side = int(maps.shape[-1]), (11, 5, 3, 3, 3)[place]
        kernel = formula.weights(f"features.{index}.weight", (outputs, inputs // groups, side, side))
        bias = formula.weights(f"features.{index}.bias", (outputs,))
        parts = [
            tf.nn.conv2d(m, k.transpose(2, 3, 1, 0), stride, padding)
            for m, k in zip(tf.split(maps, groups, -1), np.split(kernel, groups), strict=True)
        ]
        maps = tf.nn.relu(tf.concat(parts, -1) + bias)
        parameters += kernel.size + bias.size
        if place < 2:
            maps = tf.nn.local_response_normalization(maps, depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75)
        if place in (0, 1, 4):
            maps = tf.nn.max_pool2d(maps, 3, 2, "VALID")
    found = formula.record(None, maps.numpy().transpose(0, 3, 1, 2), parameters)
    return {"net": "alexnet", "size": [227, 227], "variant": "paper", "top": False, **found}


if __name__ == "__main__":
    path = GOLDEN / "reference_outputs.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    for net in sys.argv[1:] or CASES:
        kept[f"keras {net}"] = of_application(net)
    kept["tensorflow alexnet"] = alexnet_paper()
    path.write_text(json.dumps(kept) + "\n")
