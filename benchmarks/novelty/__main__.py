"""Measure how well a run's novelty score tells pictures of other kinds: the table of docs/unusual.md.

    python -m benchmarks.novelty runs/digits
    python -m benchmarks.novelty runs/digits --other fashion-mnist --other photos/

Its own test pictures are the known ones. The strange ones come with scikit-image and scikit-learn, or are made: faces,
patches of photographs, noise, the test pictures turned into their negatives; ``--other`` adds a data set.
"""

import argparse

import numpy as np

from tellapart import Classifier, Run
from tellapart.evaluation import auroc
from tellapart.images import open_dataset
from tellapart.images.stratify import balanced_sample

MOST = 1000


def faces(_: np.random.Generator) -> list[np.ndarray]:
    """Return scikit-image's 100 faces."""
    import skimage.data

    return [(face * 255).astype(np.uint8)[..., None] for face in skimage.data.lfw_subset()[:100]]


def patches(generator: np.random.Generator) -> list[np.ndarray]:
    """Return square pieces, 40 to 200 pixels a side, of five photographs."""
    import skimage.data

    photographs = [getattr(skimage.data, name)() for name in ("camera", "chelsea", "coffee", "astronaut", "rocket")]
    out = []
    for _ in range(MOST):
        photograph = photographs[generator.integers(len(photographs))]
        side = int(generator.integers(40, 200))
        top, left = (int(generator.integers(length - side)) for length in photograph.shape[:2])
        piece = photograph[top : top + side, left : left + side]
        out.append(piece if piece.ndim == 3 else piece[..., None])
    return out


def noise(generator: np.random.Generator) -> list[np.ndarray]:
    """Return grey noise, 32×32."""
    return list(generator.integers(0, 256, (MOST, 32, 32, 1), dtype=np.uint8))


def some_of(source: str, generator: np.random.Generator) -> list[np.ndarray]:
    """Return up to 1,000 pictures of a data set."""
    data = open_dataset(source)
    chosen = generator.permutation(len(data))[:MOST]
    return [data.images.load(int(position)).pixels for position in chosen]


def main() -> None:
    """Print one row a kind of strange pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--other", action="append", default=[], help="a data set of another kind")
    options = parser.parse_args()
    run, classifier = Run.open(options.run), Classifier.load(options.run)
    novelty, resized = classifier.novelty, classifier.preprocessing.resized
    if novelty is None:
        parser.error("this model has no novelty score: train it with validation pictures")

    def score(pictures: list[np.ndarray]) -> np.ndarray:
        return novelty.scores(classifier.embeddings(np.stack([resized(one) for one in pictures])))

    data, generator = open_dataset(run.recipe.data.source), np.random.default_rng(0)
    wanted = run.load("splits")["test"] or run.load("splits")["validation"]
    test = np.flatnonzero(np.isin(data.ids, wanted))
    test = test[balanced_sample(data.labels[test], MOST, seed=0)]
    own = [resized(data.images.load(int(position)).pixels) for position in test]
    known = score(own)
    print(f"{options.run}: {classifier}, {len(novelty.references)} references, {novelty.references.nbytes:,} bytes\n")
    print("| pictures | count | AUROC | unlike anything in training |\n|---|---:|---:|---:|")
    print(f"| its own test | {len(known):,} | | {(known > novelty.limit).mean():.1%} |")
    kinds = {"faces": faces(generator), "patches of photographs": patches(generator), "noise": noise(generator)}
    kinds["negatives of its own"] = [255 - one for one in own]
    for name, pictures in (kinds | {name: some_of(name, generator) for name in options.other}).items():
        scores = score(pictures)
        flagged = (scores > novelty.limit).mean()
        print(f"| {name} | {len(scores):,} | {auroc(known, scores):.3f} | {flagged:.1%} |")


if __name__ == "__main__":
    main()
