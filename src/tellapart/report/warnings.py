"""Warnings: what a person must not miss before they believe a figure."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from ..evaluation import Evaluation, Figure, compare
from ..wording import counted
from .contents import OWN_SPLITS, Contents
from .words import name, names

FEW_PICTURES = 200
FEW_A_CLASS = 10


def warnings_of(contents: Contents) -> list[Markup]:
    """Return the warnings, the gravest first, each one or two sentences."""
    return [*_state(contents), *_learning(contents), *_leaks(contents), *_little(contents), *_no_better(contents)]


def _state(contents: Contents) -> Iterator[Markup]:
    state, message = contents.status.get("state", "running"), contents.status.get("message") or ""
    said = Markup(": {}").format(message) if message else Markup("")
    if state == "failed":
        yield Markup("This run failed{}. What it wrote before is below.").format(said)
    elif state == "interrupted":
        yield Markup("This run was interrupted{}. It can go on with <code>--resume</code>.").format(said)
    elif state == "running" and not contents.evaluations:
        yield Markup("This run is not finished: there are no figures yet.")
    if contents.main == "validation":
        waiting = len(contents.splits.get("test", ())) > 0
        why = "The test pictures have not been looked at yet" if waiting else "There is no test split"
        chose = "how sure its answers are" if contents.by_features else "the best epoch"
        yield Markup(
            "{}. The figures are those of the validation pictures, which also chose {}: they are a little too good."
        ).format(why, chose)


def _learning(contents: Contents) -> Iterator[Markup]:
    for finding in contents.training.get("findings", []):
        sentence = str(finding[1] if isinstance(finding, list | tuple) else finding)
        yield Markup("{}.").format(sentence[:1].upper() + sentence[1:].rstrip("."))
    if contents.training.get("stopped") == "diverged":
        kept = (
            "what was learnt before its first epoch" if contents.training.get("best_epoch") == 0 else "its best epoch"
        )
        yield Markup("The training diverged; the weights of {} are kept.").format(kept)


def _leaks(contents: Contents) -> Iterator[Markup]:
    found = int(contents.leaks.get("found") or 0)
    if found and contents.leaks.get("answer") == "allow":
        one = found == 1
        yield Markup(
            "<strong>{}</strong> in more than one split, and {} left there on request (<code>--allow-leaks</code>). "
            "A network may remember such pictures: the figures are likely too good."
        ).format(counted(found, "picture stands", plural="pictures stand"), "it was" if one else "they were")


def _little(contents: Contents) -> Iterator[Markup]:
    if contents.main is None:
        return
    evaluation = contents.evaluations[contents.main]
    if evaluation.count < FEW_PICTURES:
        accuracy = evaluation["accuracy"]
        yield Markup(
            "Only <strong>{}</strong> measured it, so the true accuracy may lie anywhere from {}%."
        ).format(counted(evaluation.count, "picture"), accuracy.interval().replace(" to ", "% to "))  # fmt: skip
    of = f"{contents.main} " if contents.main in OWN_SPLITS else ""
    few = [one.name for one in evaluation.classes if 0 < one.count < FEW_A_CLASS]
    if few:
        be = "has" if len(few) == 1 else "have"
        yield Markup("{} {} fewer than {} {}pictures: the figures of such classes say little.").format(
            names(few), be, FEW_A_CLASS, of
        )
    absent = [one.name for one in evaluation.classes if not one.count]
    if absent:
        yield Markup("There is no {}picture of {}: these figures say nothing of how well they are recognised.").format(
            of, names(absent)
        )
    never = [
        one.name
        for one in evaluation.classes
        if one.count and not one.predicted and one.name not in contents.unanswerable
    ]
    if never:
        yield Markup("The network gave none of these pictures the name {}.").format(names(never))


def _beats(contents: Contents, evaluation: Evaluation, majority: Figure) -> bool:
    """Return whether the network is shown to be better than always naming the largest class, picture by picture."""
    said = contents.main_predictions
    if said is None:  # they were not kept
        return (evaluation["accuracy"].low or 0.0) > (majority.value or 0.0)
    return compare(said.always(evaluation.majority_class), said, names=("always", "network")).better == "network"


def _no_better(contents: Contents) -> Iterator[Markup]:
    if contents.main is None:
        return
    evaluation = contents.evaluations[contents.main]
    majority = evaluation.figures.get("majority_accuracy")
    if majority and majority.value is not None and not _beats(contents, evaluation, majority):
        yield Markup(
            "It cannot be shown to be better than always naming the largest class, which is right for {}."
        ).format(majority.short())
    for net, comparison in contents.against_baselines.items():
        if comparison.better is None:
            yield Markup("It cannot be shown to be better than the simple baseline {}.").format(name(net))
        elif comparison.better == net:
            yield Markup("The simple baseline {} is <strong>better</strong> than this network.").format(name(net))
