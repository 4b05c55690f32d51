"""Which Keras layer and variable each of our parameters is, for the networks that Keras publishes.

Pure Python, so that a program that has Keras but not PyTorch can use it.
"""

from __future__ import annotations

import re

NETS = (
    "vgg16",
    "vgg19",
    "resnet50",
    "resnet101",
    "resnet152",
    "inception_v3",
    "xception",
    "mobilenet",
    "mobilenet_v2",
)
"""The networks that are in ``keras.applications`` and here."""

VARIANTS = {
    "resnet50": "paper",
    "resnet101": "paper",
    "resnet152": "paper",
    "inception_v3": "keras",
    "xception": "keras",
    "mobilenet": "keras",
    "mobilenet_v2": "keras",
}
"""The variant that computes what Keras computes."""

_VGG = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
_MOBILENET_UNITS = (1, 2, 2, 6, 2)


def keras_layer(net: str, module: str) -> str:
    """Return the name of the Keras layer that our module is.

    Layers that Keras numbers by itself come as ``"conv2d:3"`` and ``"batch_normalization:3"``: the fourth, in the order
    in which they were made.

    Args:
        net: one of ``NETS``.
        module: the dotted name of a layer with parameters.

    Example:
        >>> from tellapart.nets.weights.keras_names import keras_layer
        >>> keras_layer("resnet50", "layer1.0.conv2"), keras_layer("mobilenet", "blocks.1.0.bn1")
        ('conv2_block1_2_conv', 'conv_dw_2_bn')
    """
    if net in _VGG:
        return _vgg(_VGG[net], module)
    if net.startswith("resnet"):
        return _resnet(module)
    return {"mobilenet": _mobilenet, "mobilenet_v2": _mobilenet_v2, "xception": _xception}[net](module)


def _vgg(depths: tuple[int, ...], module: str) -> str:
    part, index = module.split(".")
    if part == "classifier":
        return {"0": "fc1", "3": "fc2", "6": "predictions"}[index]
    place = 0
    for block, depth in enumerate(depths, start=1):
        for conv in range(1, depth + 1):
            if place == int(index):
                return f"block{block}_conv{conv}"
            place += 2
        place += 1
    raise KeyError(module)


def _resnet(module: str) -> str:
    if "." not in module:
        return {"conv1": "conv1_conv", "bn1": "conv1_bn", "fc": "predictions"}[module]
    layer, unit, *rest = module.split(".")
    prefix = f"conv{int(layer[-1]) + 1}_block{int(unit) + 1}"
    if rest[0] == "downsample":
        return f"{prefix}_0_{'conv' if rest[1] == '0' else 'bn'}"
    return f"{prefix}_{rest[0][-1]}_{rest[0][:-1]}"


def _mobilenet(module: str) -> str:
    if not module.startswith("blocks"):
        return {"conv_stem": "conv1", "bn1": "conv1_bn", "classifier": "conv_preds"}[module]
    _, block, unit, part = module.split(".")
    number = sum(_MOBILENET_UNITS[: int(block)]) + int(unit) + 1
    kind = {"conv_dw": "dw_{}", "bn1": "dw_{}_bn", "conv_pw": "pw_{}", "bn2": "pw_{}_bn"}[part]
    return f"conv_{kind.format(number)}"


def _mobilenet_v2(module: str) -> str:
    if module == "classifier.1":
        return "predictions"
    number, rest = (found := module.split(".", 2))[1], found[2]
    if number in ("0", "18"):
        return {"00": "Conv1", "01": "bn_Conv1", "180": "Conv_1", "181": "Conv_1_bn"}[number + rest]
    prefix = "expanded_conv" if number == "1" else f"block_{int(number) - 1}"
    place = rest.removeprefix("conv.")
    names = ("depthwise",) if number == "1" else ("expand", "depthwise")
    if "." in place:
        unit, part = place.split(".")
        return f"{prefix}_{names[int(unit)]}{'_BN' if part == '1' else ''}"
    return f"{prefix}_project{'_BN' if int(place) > len(names) else ''}"


def _xception(module: str) -> str:
    if found := re.fullmatch(r"block(\d+)\.(skip|skipbn)", module):
        order = {"1": 0, "2": 1, "3": 2, "12": 3}[found[1]]
        return f"{'conv2d' if found[2] == 'skip' else 'batch_normalization'}:{order}"
    if found := re.fullmatch(r"block(\d+)\.rep\.(\d+)(\.\w+)?", module):
        place = int(found[2]) + (0 if found[1] != "1" else 1)
        kind = "" if found[3] else "_bn"
        return f"block{int(found[1]) + 1}_sepconv{place // 3 + 1}{kind}"
    if module == "fc":
        return "predictions"
    number = int(module.removesuffix(".conv1").removesuffix(".pointwise")[-1])
    block, conv = ("block1_conv", number) if number < 3 else ("block14_sepconv", number - 2)
    return f"{block}{conv}{'_bn' if module.startswith('bn') else ''}"


def as_of_today(net: str, layer: str) -> str:
    """Return a Keras layer's name as Keras has it today: the published files of some networks have an earlier one.

    Example:
        >>> from tellapart.nets.weights.keras_names import as_of_today
        >>> as_of_today("mobilenet_v2", "bn3_conv_3_bn_expand"), as_of_today("resnet50", "probs")
        ('block_3_expand_BN', 'predictions')
    """
    if (net.startswith("resnet") and layer == "probs") or (net == "mobilenet_v2" and layer == "Logits"):
        return "predictions"
    found = re.fullmatch(r"(?:mobl|(bn))(\d+)_conv_\2_(?:bn_)?(expand|depthwise|project)", layer)
    if net != "mobilenet_v2" or found is None:
        return layer
    prefix = "expanded_conv" if found[2] == "0" else f"block_{found[2]}"
    return f"{prefix}_{found[3]}{'_BN' if found[1] else ''}"


def keras_layers(net: str, modules: list[str]) -> dict[str, str]:
    """Return the Keras layer of each of our modules.

    Args:
        net: one of ``NETS``.
        modules: the dotted names of all layers with parameters, in the order of the state dict, auxiliary heads left
            out.
    """
    if net != "inception_v3":
        return {module: keras_layer(net, module) for module in modules}
    # Keras numbers all of them by itself, and makes them in the order of our state dict.
    convs = [module for module in modules if module.endswith(".conv")]
    named = {module: f"conv2d:{order}" for order, module in enumerate(convs)}
    norms = {module.removesuffix(".conv") + ".bn": f"batch_normalization:{order}" for order, module in enumerate(convs)}
    return {**named, **norms, "fc": "predictions"}


def numbered(names: list[str]) -> dict[str, str]:
    """Return the real name of each ``"conv2d:3"`` among layer names that Keras numbered by itself.

    Example:
        >>> from tellapart.nets.weights.keras_names import numbered
        >>> numbered(["conv2d_4", "conv2d", "fc", "conv2d_12"])["conv2d:2"]
        'conv2d_12'
    """
    found: dict[str, str] = {}
    for kind in ("conv2d", "batch_normalization"):
        # Keras 1 called them convolution2d_1 and batchnormalization_1: Xception's published file still does.
        spelling = kind.replace("conv2d", "conv(?:olution)?2d").replace("_", "_?")
        counts = {name: re.fullmatch(rf"{spelling}(?:_(\d+))?", name) for name in names}
        own = sorted((int(match[1] or 0), name) for name, match in counts.items() if match)
        found |= {f"{kind}:{order}": name for order, (_, name) in enumerate(own)}
    return found
