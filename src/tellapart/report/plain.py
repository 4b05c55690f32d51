"""The first page: what the classifier can do, in sentences that are made from the figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from ..evaluation import BY_GROUP, Evaluation, Predictions, confused_pairs, error_at, lowest_recall_classes
from ..wording import counted, percent, told_apart
from .audit_view import read_audit
from .contents import OWN_SPLITS, Contents
from .evidence import labels_sentence
from .words import as_asked, duration, joined, measured, name, names

SURE = 0.9
"""The confidence from which the page calls an answer sure."""


@dataclasses.dataclass(frozen=True)
class Passage:
    """A heading of the first page and what stands below it."""

    heading: str
    sentences: tuple[Markup, ...]


def headline(contents: Contents) -> Markup:
    """Return the page's one sentence."""
    if contents.main is None:
        return Markup("This run has no figures yet.")
    evaluation = contents.evaluations[contents.main]
    return Markup("It names the right one of {} classes for <strong>{}</strong> of {} {}.").format(
        len(evaluation.classes) - len(contents.unanswerable),
        evaluation["accuracy"].short(),
        counted(evaluation.count, "picture"),
        _how_new(contents),
    )


def _how_new(contents: Contents) -> str:
    """Return how far the training kept away from the main pictures."""
    if contents.main not in OWN_SPLITS:
        return "from elsewhere"
    if contents.leaks.get("answer") == "allow" and (contents.leaks.get("between") or {}).get(f"train-{contents.main}"):
        return "some of which it was trained on"
    if contents.main != "validation":
        return "it had never seen"
    chosen = "how sure it is" if contents.by_features else "the epoch and how sure it is"
    return f"it was not trained on, though they chose {chosen}"


def passages(contents: Contents) -> list[Passage]:
    """Return the first page, empty passages left out."""
    parts = {
        "What it can do": _can(contents),
        "How sure one can be of an answer": _sure(contents),
        "Where it fails": _fails(contents),
        "Against which baseline": _baselines(contents),
        "On external test sets": _external(contents),
        "What was wrong with the data": _data(contents),
        "How it was trained": _trained(contents),
    }
    said = {heading: tuple(sentences) for heading, sentences in parts.items()}
    return [Passage(heading, sentences) for heading, sentences in said.items() if sentences]


def _can(contents: Contents) -> Iterator[Markup]:
    if contents.main is None:
        return
    evaluation = contents.evaluations[contents.main]
    accuracy = evaluation["accuracy"]
    right = int(evaluation.confusion.trace())
    yield Markup("Of {} {} pictures {}, {:,} get the right name: {}.").format(
        f"{evaluation.count:,}", contents.main, _how_new(contents), right, measured(accuracy)
    )
    top = next((figure for key, figure in evaluation.figures.items() if key.startswith("top_")), None)
    if top is not None:
        yield Markup("The right name is among its {} best guesses for {}.").format(
            top.name.removeprefix("top-").removesuffix(" accuracy"), measured(top)
        )
    balanced = evaluation["balanced_accuracy"]
    if abs((balanced.value or 0.0) - (accuracy.value or 0.0)) >= 0.02:
        yield Markup("If every class counted alike, it would be {}.").format(measured(balanced))
    if contents.main == "test" and "validation" in contents.evaluations:
        other = contents.evaluations["validation"]
        part = "" if contents.by_features else " that chose its best epoch"
        yield Markup("On the {}{} it has {}.").format(
            counted(other.count, "validation picture"), part, measured(other["accuracy"])
        )


def _sure(contents: Contents) -> Iterator[Markup]:
    if contents.main is None:
        return
    evaluation = contents.evaluations[contents.main]
    if contents.main_predictions is not None:
        yield from _sure_answers(contents.main_predictions, temperature=contents.temperature)
    error, chance = evaluation.figures.get("calibration_error"), evaluation.figures.get("calibration_error_by_chance")
    if error and chance and error.value is not None:
        most, alone = chance.high or 0.0, evaluation["accuracy"].method != BY_GROUP
        own, chance_alone = told_apart(error.value, most)
        verdict = (
            "no more than chance alone would show in as many pictures"
            if error.value <= most
            else f"more ({own}) than chance alone would show, which is at most {chance_alone}"
            if alone
            else f"more ({own}) than chance would show if no two pictures belonged together, which is at most "
            f"{chance_alone}"
        )
        yield Markup("Its confidence is off by {} on average (calibration error), {}.").format(measured(error), verdict)
    if abs(contents.temperature - 1) > 0.005:
        direction = "less" if contents.temperature > 1 else "more"
        yield Markup("Its answers were made {} sure than training left them, by a temperature of {} that was fitted "
                     "on the validation pictures.").format(direction, f"{contents.temperature:.2f}")  # fmt: skip
    yield from _not_sure(contents)


def _sure_answers(predictions: Predictions, *, temperature: float) -> Iterator[Markup]:
    coverage, error = error_at(predictions, SURE, temperature=temperature)
    if error.value is None:
        yield Markup("No answer is {} sure or more.").format(f"{SURE:.0%}")
        return
    yield Markup("It is at least {} sure on {} of the pictures; of those, {} are right.").format(
        f"{SURE:.0%}", coverage.short(), measured(error.complement("accuracy"))
    )


def _not_sure(contents: Contents) -> Iterator[Markup]:
    threshold = contents.abstain
    scoring = contents.external_records.get(contents.main or "", {}).get("scoring", {})
    if not threshold or scoring.get("only_present"):  # with fewer answers to choose from it is another threshold
        return
    if threshold.get("confidence") is None:
        yield Markup("No threshold keeps the share of wrong answers at {}: {}.").format(
            percent(threshold["max_error"]), threshold.get("note", "")
        )
    elif threshold["confidence"] == 0:
        yield Markup("With <code>--abstain-at {}</code> it is never “not sure”: all its answers to the validation "
                     "pictures together are wrong no more often.").format(as_asked(threshold["max_error"]))  # fmt: skip
    elif contents.main_predictions is not None:
        coverage, error = error_at(contents.main_predictions, threshold["confidence"], temperature=contents.temperature)
        asked, limit = as_asked(threshold["max_error"]), percent(threshold["confidence"])
        says = Markup("With <code>--abstain-at {}</code> it says “not sure” below a confidence of {}").format(
            asked, limit
        )
        if error.value is None:
            yield Markup("{}: it then answers none of these pictures.").format(says)
        else:
            yield Markup("{}: it then answers {} of the pictures, and {} of those answers are wrong.").format(
                says, measured(coverage), measured(error)
            )


def _fails(contents: Contents) -> Iterator[Markup]:
    if contents.main is None:
        return
    evaluation = contents.evaluations[contents.main]
    wrong = evaluation.count - int(evaluation.confusion.trace())
    if not wrong:
        yield Markup("It made no mistake on these pictures; that does not mean that it never will.")
        return
    sentence = Markup("It is wrong on {}").format(counted(wrong, "picture"))
    known = contents.main_predictions
    if known is not None:
        surely = int(((known.confidence(contents.temperature) >= SURE) & ~known.correct()).sum())
        on = (
            Markup("")
            if wrong == 1
            else Markup(" on <strong>{}</strong> of them").format(f"{surely:,}" if surely else "none")
        )
        if surely or wrong > 1:
            sentence += Markup(",{} with a confidence of {} or more").format(on, f"{SURE:.0%}")
        if surely and wrong > 1:
            sentence += Markup(": the ones to look at first")
    sentence += Markup(".")
    yield sentence
    yield from _worst(evaluation, below=contents.classes_below)
    if known is not None:
        pairs = [
            Markup("{} taken for {} ({} of {})").format(
                name(pair.first), name(pair.second), f"{pair.first_as_second:,}", f"{pair.first_count:,}"
            )
            for pair in confused_pairs(known, limit=3, examples=0)
        ]
        yield Markup("Most often confused: {}.").format(joined(pairs))


def _worst(evaluation: Evaluation, *, below: float) -> Iterator[Markup]:
    if len(evaluation.classes) <= 2:
        return
    worst = [one for one in evaluation.sorted_classes() if one.count and (one.recall.value or 0.0) < 1][:3]
    said = [Markup("{} {}").format(name(one.name), measured(one.recall)) for one in worst]
    yield Markup("Least recognised: {}.").format(joined(said))
    hard = [one.name for one in lowest_recall_classes(evaluation, below=below)]
    if hard:
        share = "half" if below == 0.5 else f"{100 * below:g}%"
        yield Markup("Less than {} of the pictures of {} {} recognised.").format(
            share, names(hard), "is" if len(hard) == 1 else "are"
        )


def _baselines(contents: Contents) -> Iterator[Markup]:
    if contents.main is None:
        return
    evaluation = contents.evaluations[contents.main]
    yield Markup("Always naming the largest class, {}, would be right for {}.").format(
        name(evaluation.majority_class), evaluation["majority_accuracy"].short()
    )
    for net, splits in contents.baselines.items():
        if contents.main not in splits:
            continue
        label = "Logistic regression on the pixels (softmax)" if net == "softmax" else Markup("{}").format(name(net))
        accuracy = splits[contents.main]["accuracy"]
        yield Markup("{}, trained on the same pictures, has {}.").format(label, measured(accuracy))
        if net in contents.against_baselines:
            said = str(contents.against_baselines[net])
            yield Markup("{}.").format(said[:1].upper() + said[1:])


def _external(contents: Contents) -> Iterator[Markup]:
    if contents.main is None:
        return
    for external in contents.external:
        if external == contents.main:
            continue
        own, evaluation = contents.own_beside(external, contents.main), contents.evaluations[external]
        change = round(100 * ((evaluation["accuracy"].value or 0.0) - (own.value or 0.0)), 1)
        beside = f"{abs(change):.1f} points {'more' if change > 0 else 'fewer'} than" if change else "as"
        yield Markup("On {} from {} it has {}: {} on its own.").format(
            counted(evaluation.count, "picture"), name(external), measured(evaluation["accuracy"]), beside
        )


def _data(contents: Contents) -> Iterator[Markup]:
    if contents.audit is not None:
        yield from read_audit(contents.audit).sentences
    yield from labels_sentence(contents)
    found, dropped = int(contents.leaks.get("found") or 0), int(contents.leaks.get("dropped") or 0)
    if found and contents.leaks.get("answer") == "drop":
        yield Markup("{} in more than one split; {} dropped before the training.").format(
            counted(found, "picture stood", plural="pictures stood"), counted(dropped, "copy was", plural="copies were")
        )
    elif contents.leaks and not found:
        yield Markup("No picture stands in more than one split.")


def _trained(contents: Contents) -> Iterator[Markup]:
    training = contents.training
    if not training:
        return
    net = contents.recipe.get("net", {}).get("name", "")
    taken = duration(float(training.get("seconds", 0.0)))
    if contents.by_features:
        yield Markup("The network {} had its weights already; its last layer was learnt in {}.").format(
            name(net), taken
        )
    else:
        yield Markup("The network {} was trained for {} in {}; the weights of {} are kept.").format(
            name(net), counted(training.get("epochs", 0), "epoch"), taken, _kept(training)
        )
    reasons = {
        "early stopping": "It stopped early, as it had not become better for a while.",
        "interrupted": "It was interrupted before its last epoch.",
        "diverged": "It diverged: its loss became infinite.",
    }
    if int(training.get("best_epoch") or 0) > int(training.get("epochs") or 0):
        yield Markup("Epochs that were left out, to end in time, have numbers, too.")
    if training.get("stopped") in reasons:
        yield Markup("{}").format(reasons[training["stopped"]])
    record = next((record for record in contents.history if record["epoch"] == training.get("best_epoch")), {})
    if np.isfinite(record.get("train_accuracy", np.nan)):
        gap = 100 * (record["train_accuracy"] - record["validation_accuracy"])
        if gap >= 5:
            yield Markup("It was right {} points more often on its training pictures than on validation: more pictures "
                         "or stronger augmentation would likely help.").format(f"{gap:.0f}")  # fmt: skip


def _kept(training: Mapping[str, Any]) -> str:
    """Return which weights a training has kept."""
    if training.get("best_epoch") == 0:
        return "the beginning, with the last layer learnt alone,"
    return f"epoch {training.get('best_epoch', '–')}"
