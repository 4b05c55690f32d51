"""Train on arrays: pictures and labels that your own code has made.

python examples/train_from_arrays.py
"""

import numpy as np
from sklearn.datasets import load_digits

import tellapart

found = load_digits()
pixels = (found.images * (255 / 16)).round().astype(np.uint8)  # uint8 (N, 8, 8); colour would be (N, H, W, 3)
np.savez("digits.npz", images=pixels, labels=found.target)  # a file, so that the run can be resumed and repeated

recipe = tellapart.Recipe.make(net={"name": "dense"}, training={"epochs": 5})
run = tellapart.train("digits.npz", recipe)

evaluation = tellapart.evaluate(tellapart.Predictions.load(run.path / "predictions" / "test.npz"))
print(evaluation["accuracy"])

classifier = tellapart.Classifier.load(run.path)
answer = classifier.classify(pixels[0], top=3)
print(answer.name, answer.ranking)
