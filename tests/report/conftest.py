"""Run folders made by hand: real digits with a real classifier, and large made-up ones."""

from __future__ import annotations

import dataclasses
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tellapart.evaluation import (
    NearTraining,
    Neighbour,
    Predictions,
    evaluate,
    find_label_errors,
    fit_temperature,
)
from tellapart.images import Dataset, Splits
from tellapart.images.arrays import ArrayImages
from tellapart.images.audit import audit
from tellapart.recipe import Recipe
from tellapart.report import save_thumbnails, wanted_pictures, write_report
from tellapart.run import Run

CHINESE = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "a nine whose name is quite long, as such names are"]


def history(epochs: int = 12) -> list[dict]:
    records = []
    for epoch in range(1, epochs + 1):
        fall = np.exp(-epoch / 3)
        records.append(
            {
                "epoch": epoch,
                "train_loss": 0.12 + 2.1 * fall,
                "train_accuracy": 0.985 - 0.8 * fall,
                "validation_loss": 0.2 + 1.9 * fall + 0.004 * max(0, epoch - 9),
                "validation_accuracy": 0.955 - 0.7 * fall - 0.002 * max(0, epoch - 10),
                "validation_top5": 0.999,
                "learning_rate": 0.001,
                "seconds": 1.2,
            }
        )
    return records


def predictions_of(model, pixels, labels, ids, names) -> Predictions:
    logits = np.log(model.predict_proba(pixels) + 1e-6)
    return Predictions(ids, logits, labels, names)


def fill(run: Run, *, sets: dict[str, Predictions], baseline: dict[str, Predictions], **more) -> None:
    """Write what a training writes."""
    temperature = fit_temperature(sets["validation"]).temperature
    for name, said in sets.items():
        said.save(run.path / "predictions" / f"{name}.npz")
    for name, said in baseline.items():
        said.save(run.path / "baselines" / "softmax" / "predictions" / f"{name}.npz")
    run.save(
        "evaluation",
        {
            "temperature": temperature,
            "splits": {name: evaluate(said, temperature=temperature).to_dict() for name, said in sets.items()},
            "baselines": {"softmax": {name: evaluate(said).to_dict() for name, said in baseline.items()}},
            "leaks": more.get("leaks", {"found": 0, "between": {}, "answer": "stop", "dropped": 0}),
            "abstain": None,
        },
    )
    for record in history():
        run.append_history(record)
    findings = more.get("findings", [])
    run.save(
        "training",
        {"best_epoch": 10, "epochs": 12, "stopped": "all epochs done", "seconds": 14.4, "findings": findings},
    )
    run.save(
        "choices",
        [
            {"field": "net.name", "value": "convnet16", "reason": "the pictures are small and grey"},
            {"field": "data.image_size", "value": [8, 8], "reason": "all pictures have this size"},
            {
                "field": "training.augment",
                "value": {"shift": 0.1, "rotation": 10.0, "flip_horizontal": False},
                "reason": "they look like writing: small shifts and turns, no flips, which would change what they say",
            },
        ],
    )
    run.save(
        "environment",
        {
            "versions": {"python": "3.11.2", "tellapart": "0.1.0", "torch": "2.13.0"},
            "system": "Linux 6.1 x86_64",
            "processor": "a processor",
            "processors": 2,
            "memory_bytes": 8_000_000_000,
            "gpu": None,
            "data": {"source": "digits", "fingerprint": "0123456789abcdef", "pictures": 1797},
        },
    )
    run.mark("done")


def build_digits(path: Path, *, names: list[str], **more) -> Run:
    """Train on scikit-learn's digits and keep everything."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    digits = load_digits()
    pixels = (digits.images * 255 / 16).astype(np.uint8)
    ids = np.array([f"{i:04d}.png" for i in range(len(pixels))])
    order = np.random.default_rng(0).permutation(len(pixels))
    train, validation, test = order[:700], order[700:1100], order[1100:]
    flat = digits.data / 16
    network = MLPClassifier((24,), max_iter=40, learning_rate_init=0.01, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged, as wished
        network.fit(flat[train], digits.target[train])
    simple = LogisticRegression(C=0.01, max_iter=300).fit(flat[train], digits.target[train])

    def said(indices, model) -> Predictions:
        return predictions_of(model, flat[indices], digits.target[indices], ids[indices], names)

    run = Run.create(path, Recipe.make(data={"source": "digits"}, net={"name": "convnet16"}))
    sets = {"test": said(test, network), "validation": said(validation, network)}
    fill(run, sets=sets, baseline={"test": said(test, simple), "validation": said(validation, simple)}, **more)
    parts = {"train": train, "validation": validation, "test": test}
    splits = {name: ids[where].tolist() for name, where in parts.items()}
    run.save("splits", {**splits, "notes": ["validation: made, stratified, seed 0", "test: made, stratified, seed 0"]})
    position = {str(id): i for i, id in enumerate(ids)}
    pixels = pixels.copy()
    pixels[parts["test"][:2]] = pixels[parts["train"][:2]]
    pixels[parts["train"][5]] = pixels[parts["train"][6]]
    run.save("audit", audit_digits(pixels, ids, digits.target, names=names, parts=parts))
    keep_evidence(run, ids[train].tolist(), errors=30)
    save_thumbnails(run, {id: pixels[position[id]][..., None] for id in wanted_pictures(run)}.items())
    return run


def audit_digits(pixels, ids, labels, *, names: list[str], parts: dict) -> dict:
    """Audit the digits: two pictures of the training stand in test too, one stands under two labels."""
    labels = labels.copy()
    labels[parts["train"][5]] = (labels[parts["train"][6]] + 1) % 10
    data = Dataset(ids, ArrayImages(pixels), labels, class_names=tuple(names), name="digits")
    return audit(data, splits=Splits(**parts)).to_dict()


def keep_evidence(run: Run, train_ids: list[str], *, seed: int = 0, errors: int = 5000) -> None:
    """Make up the neighbours of each mistake and a long list of labels that may be wrong."""
    rng = np.random.default_rng(seed)
    for name in ("test", "validation"):
        said = Predictions.load(run.path / "predictions" / f"{name}.npz")
        wrong = said.select(~said.correct())
        picked = rng.integers(0, len(train_ids), (len(wrong), 5))
        labels = np.array(said.class_names)[np.stack([wrong.predicted()] * 4 + [wrong.labels], axis=1)]
        distances = np.sort(rng.random((len(wrong), 5)).astype(np.float32), axis=1) + 0.05
        found = NearTraining(wrong.ids, np.array(train_ids)[picked], labels, distances, 0.3, 0.9)
        run.write(f"near/{name}.npz", found.save)
    listed = find_label_errors(Predictions.load(run.path / "predictions" / "test.npz"))
    near = tuple(Neighbour(id, listed.class_names[0], 0.1) for id in train_ids[:5])
    candidates = [dataclasses.replace(one, split="test", near=near) for one in listed.candidates]
    candidates = (candidates * (1 + errors // len(candidates)))[:errors]
    run.save("label_errors", {"folds": None, **dataclasses.replace(listed, candidates=tuple(candidates)).to_dict()})


def build_large(path: Path, *, classes: int = 55, test: int = 7677, colour: bool = True) -> Run:
    """Make up a run of a size that people have, with pictures that compress as badly as photographs."""
    rng = np.random.default_rng(1)
    names = [chr(0x4E00 + 37 * k) if k % 2 else f"class number {k}" for k in range(classes)]

    def said(count: int, prefix: str, *, skill: float) -> Predictions:
        labels = rng.integers(0, classes, count)
        logits = rng.normal(size=(count, classes))
        logits[np.arange(count), labels] += skill + rng.normal(size=count)
        near = (labels + 1) % classes
        logits[np.arange(count), near] += 2.5 * rng.random(count)
        ids = [f"{prefix}/{names[k]}/writer_{i:05d}_of_some_collection.png" for i, k in enumerate(labels)]
        return Predictions(ids, logits, labels, names)

    run = Run.create(path, Recipe.make(data={"source": "large"}))
    sets = {"test": said(test, "Test", skill=4.6), "validation": said(test // 5, "Train", skill=4.7)}
    baseline = {name: Predictions(p.ids, p.logits * 0.3 + rng.normal(size=p.logits.shape), p.labels, names)
                for name, p in sets.items()}  # fmt: skip
    fill(run, sets=sets, baseline=baseline)
    keep_evidence(run, [f"Train/{names[i % classes]}/writer_{i:05d}_of_some_collection.png" for i in range(30_000)])
    shape = (96, 96, 3) if colour else (80, 60, 1)
    smooth = rng.normal(size=(64, 12, 12, shape[2]))
    from scipy.ndimage import zoom

    bases = [zoom(one, (shape[0] / 12, shape[1] / 12, 1), order=1) for one in smooth]
    noisy = [(128 + 50 * one + 12 * rng.normal(size=shape)).clip(0, 255).astype(np.uint8) for one in bases]
    save_thumbnails(run, {id: noisy[i % 64] for i, id in enumerate(wanted_pictures(run))}.items())
    return run


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory) -> Run:
    """A run on real digits, with Chinese names and a long one; the page is written."""
    run = build_digits(tmp_path_factory.mktemp("runs") / "digits", names=CHINESE)
    write_report(run)
    return run


@pytest.fixture(scope="session")
def large_run(tmp_path_factory) -> Run:
    """55 classes, 7,677 test pictures; the page is written."""
    run = build_large(tmp_path_factory.mktemp("runs") / "large")
    write_report(run)
    return run


@pytest.fixture
def digits_copy(digits_run, tmp_path) -> Run:
    """The same run, to be changed."""
    shutil.copytree(digits_run.path, tmp_path / "run")
    return Run(tmp_path / "run")


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Chromium, as Debian installs it."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        missing = "Chromium is not on PATH (Debian: apt-get install chromium)"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, headless=True, args=flags)
        yield started
        started.close()
