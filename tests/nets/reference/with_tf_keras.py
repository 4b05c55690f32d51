"""Make the records of a Teachable Machine export: its Keras 2 model, filled with weights from a formula.

Run it where TensorFlow and Keras 2 are (made with tf-keras 2.21.0 on TensorFlow 2.21.0), from the repository's root:

    python tests/nets/reference/with_tf_keras.py

The layers' names, and which network lies inside which, are those of Teachable Machine's exports.
"""

import importlib.util
import json
import tempfile
from pathlib import Path

import h5py
import numpy as np
import tf_keras as keras

HERE = Path(__file__).parent
GOLDEN = HERE.parents[2] / "tests" / "golden" / "teachable_machine.json"
spec = importlib.util.spec_from_file_location("formula", HERE / "formula.py")
formula = importlib.util.module_from_spec(spec)
spec.loader.exec_module(formula)

CLASSES = 3
BODIES = {
    "mobilenet_v2": (keras.applications.MobileNetV2, 0.35, "out_relu"),
    "mobilenet": (keras.applications.MobileNet, 0.25, "conv_pw_13_relu"),
}


def model_of(body):
    build, alpha, last = BODIES[body]
    application = build(input_shape=(224, 224, 3), alpha=alpha, weights=None, include_top=False)
    inner = keras.Model(application.input, application.get_layer(last).output, name="model1")
    pool = keras.layers.GlobalAveragePooling2D(name="global_average_pooling2d_GlobalAveragePooling2D1")
    dense = keras.layers.Dense(100, activation="relu", name="dense_Dense1", input_shape=(inner.output_shape[-1],))
    names = keras.layers.Dense(CLASSES, activation="softmax", use_bias=False, name="dense_Dense2")
    first = keras.Sequential([inner, pool], name="sequential_1")
    return keras.Sequential([first, keras.Sequential([dense, names], name="sequential_3")], name="sequential_4")


def record(body):
    model = model_of(body)
    for variable in model.weights:
        variable.assign(formula.keras_weights(variable.name, tuple(variable.shape)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keras_model.h5"
        model.save(path, include_optimizer=False)
        with h5py.File(path) as file:
            config, groups = file.attrs["model_config"], {}
            group = file["model_weights"]
            for name in group.attrs["layer_names"]:
                own = group[name]
                groups[name] = {weight: list(own[weight].shape) for weight in own.attrs["weight_names"]}
    pictures = formula.pictures(224, 224).transpose(0, 2, 3, 1)
    pictures[1] = np.linspace(-1, 1, 224)[
        :, None
    ]  # from left to right: two pictures of noise look much the same to what averages
    probabilities = model.predict(pictures, verbose=0)
    assert np.abs(probabilities[0] - probabilities[1]).max() > 0.01, "the outputs hardly see the picture"
    return {"model_config": lean(json.loads(config)), "groups": groups, "probabilities": probabilities.tolist()}


def lean(config):
    """Return a layer's description without what Teachable Machine's older Keras does not write or nobody reads."""
    if isinstance(config, dict):
        endings = ("_initializer", "_regularizer", "_constraint", "module", "registered_name", "build_config", "_nodes")
        return {key: lean(value) for key, value in config.items() if not key.endswith(endings)}
    return [lean(value) for value in config] if isinstance(config, list) else config


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({body: record(body) for body in BODIES}, separators=(",", ":")) + "\n")
