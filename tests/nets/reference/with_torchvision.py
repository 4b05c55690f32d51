"""Make the records of torchvision's and timm's networks, with our weights.

Run it where torchvision and timm can be imported (made with torchvision 0.29.2 and timm 1.0.31), from the repository's
root:

    python tests/nets/reference/with_torchvision.py
"""

import importlib.util
import json
from pathlib import Path

import timm
import torch
import torchvision.models as tv

HERE = Path(__file__).parent
GOLDEN = HERE.parents[1] / "golden"
spec = importlib.util.spec_from_file_location("formula", HERE / "formula.py")
formula = importlib.util.module_from_spec(spec)
spec.loader.exec_module(formula)

CASES = {
    "alexnet": (lambda n: tv.alexnet(num_classes=n), "features", (150, 97)),
    "googlenet": (lambda n: tv.googlenet(num_classes=n, init_weights=False), "inception5b", (97, 150)),
    "inception_v3": (lambda n: tv.inception_v3(num_classes=n, init_weights=False), "Mixed_7c", (139, 150)),
    "resnet18": (lambda n: tv.resnet18(num_classes=n), "layer4", (64, 97)),
    "resnet34": (lambda n: tv.resnet34(num_classes=n), "layer4", (64, 64)),
    "resnet50": (lambda n: tv.resnet50(num_classes=n), "layer4", (64, 97)),
    "mobilenet_v2": (lambda n: tv.mobilenet_v2(num_classes=n), "features", (97, 96)),
    "mobilenet": (lambda n: timm.create_model("mobilenetv1_100", num_classes=n), "blocks", (97, 96)),
    "xception": (lambda n: timm.create_model("legacy_xception", num_classes=n), "act4", (150, 97)),
    "efficientnet_lite0": (lambda n: timm.create_model("tf_efficientnet_lite0", num_classes=n), "bn2", (97, 96)),
    "efficientnet_lite1": (lambda n: timm.create_model("tf_efficientnet_lite1", num_classes=n), "bn2", (97, 96)),
    "efficientnet_lite2": (lambda n: timm.create_model("tf_efficientnet_lite2", num_classes=n), "bn2", (97, 96)),
}


def of_network(net):
    build, last, (height, width) = CASES[net]
    model = build(formula.OUTPUTS).eval()
    keys = [line.split()[0] for line in (GOLDEN / f"{net}.txt").read_text().splitlines()]
    own = model.state_dict()
    # timm names EfficientNet-Lite's tensors otherwise, but keeps them in the same order.
    filled = {}
    for key, (theirs, tensor) in zip(keys, own.items(), strict=True):
        assert key == theirs or net.startswith("efficientnet")
        filled[theirs] = torch.from_numpy(formula.weights(key, tuple(tensor.shape))) if tensor.ndim else tensor
    model.load_state_dict(filled)
    seen = []
    model.get_submodule(last).register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        logits = model(torch.from_numpy(formula.pictures(height, width)))
    helpers = sum(p.numel() for name, p in model.named_parameters() if name.startswith(("aux", "AuxLogits")))
    counted = sum(p.numel() for p in model.parameters()) - helpers
    found = formula.record(logits.numpy(), seen[0].numpy(), counted)
    return {"net": net, "size": [height, width], "variant": None, "top": True, **found}


if __name__ == "__main__":
    path = GOLDEN / "reference_outputs.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    for net in CASES:
        kept[f"torchvision {net}"] = of_network(net)
    path.write_text(json.dumps(kept) + "\n")
