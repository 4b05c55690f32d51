"""Ask the harder question: how good is a classifier on pictures from elsewhere?

python examples/external_evaluation.py

The external test set is made up here: the run's own test digits, darker and with noise, as a folder of PNG files.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import tellapart

recipe = tellapart.Recipe.make(net={"name": "convnet16"}, training={"epochs": 5}, data={"image_size": (16, 16)})
run = tellapart.train("digits", recipe)

found, random = load_digits(), np.random.default_rng(0)
for number in map(int, run.load("splits")["test"]):  # an id is a picture's index; none was trained on
    picture = found.images[number]
    darker = np.clip(picture * (160 / 16) + random.normal(0, 20, picture.shape), 0, 255).astype(np.uint8)
    folder = Path("external") / str(found.target[number])  # classes are matched by name
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(darker).save(folder / f"{number}.png")

evaluation = tellapart.evaluate_external(run, "external")
print(evaluation)  # figures beside the run's own, and why they differ; the report has them as a page
