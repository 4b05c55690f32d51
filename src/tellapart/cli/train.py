"""``tellapart train``: the main job."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Literal

import typer

from ..errors import RecipeError
from .options import colour, given, image_size, leaks_answer, option, pairs, read_time, recipe_of

NAME = "train"

PICTURES, NET, RUN = "Pictures", "Network", "Run"
TRAINING = "Training in epochs (with any of these, photographs are fine-tuned)"
CHANGES = "Random changes: augmentation (with any of these, photographs are fine-tuned)"


def command(
    source: Annotated[
        str | None,
        typer.Argument(
            help="Folder, zip, tar, CSV, npz, IDX ..., or digits, faces, fashion-mnist.", show_default=False
        ),
    ] = None,
    out: Annotated[Path | None, option("--out", "Run folder [default: a new one below runs/].", RUN)] = None,
    resume: Annotated[Path | None, option("--resume", "Go on with this run.", RUN, metavar="RUN")] = None,
    time: Annotated[
        str | None, option("--time", "How long all of it may take, such as 5m.", RUN, metavar="TIME")
    ] = None,
    recipe: Annotated[Path | None, option("--recipe", "Start from a .toml or .json recipe.", RUN)] = None,
    seed: Annotated[int | None, option("--seed", "Seed of weights, order, augmentation and dropout [0].", RUN)] = None,
    baseline: Annotated[
        list[str] | None, option("--baseline", "Train this network for comparison [softmax]; repeat it.", RUN)
    ] = None,
    no_baselines: Annotated[bool, option("--no-baselines", "Train no network for comparison.", RUN)] = False,
    labels: Annotated[
        Path | None,
        option("--labels", "List of labels to change or leave out (evaluate --label-errors).", PICTURES, metavar="CSV"),
    ] = None,
    size: Annotated[
        str | None,
        option(
            "--image-size", "HEIGHTxWIDTH in pixels, such as 80x60; one number for a square.", PICTURES, metavar="HxW"
        ),
    ] = None,
    grayscale: Annotated[
        bool | None, option("--grayscale/--color", "Turn the pictures grey, or keep colour.", PICTURES)
    ] = None,
    resize: Annotated[
        Literal["stretch", "crop", "pad"] | None,
        option("--resize", "How a picture gets the size: squeezed, cut or bordered.", PICTURES),
    ] = None,
    resample: Annotated[
        Literal["nearest", "box", "bilinear", "bicubic", "lanczos"] | None,
        option("--resample", "Filter to resize with [the pretrained network's own, or bilinear].", PICTURES),
    ] = None,
    background: Annotated[
        str | None,
        option("--background", "What lies under transparency: 0 to 255, or #rrggbb [255].", PICTURES, metavar="COLOUR"),
    ] = None,
    group_by: Annotated[
        str | None,
        option(
            "--group-by",
            r"Regular expression on paths, such as '/(\d+)_': pictures with the same first group stay "
            "on one side of a split.",
            PICTURES,
        ),
    ] = None,
    validation_fraction: Annotated[
        float | None,
        option("--validation-fraction", "Share for validation, where the source brings none [0.2].", PICTURES),
    ] = None,
    test_fraction: Annotated[
        float | None, option("--test-fraction", "Share for the test, where the source brings none [0.15].", PICTURES)
    ] = None,
    folds: Annotated[
        int | None, option("--folds", "Cross-validate beside the run, such as 5: each fold is held out once.", RUN)
    ] = None,
    split_seed: Annotated[int | None, option("--split-seed", "Seed of the split [0].", PICTURES)] = None,
    drop_leaks: Annotated[
        bool, option("--drop-leaks", "Take copies of held-out pictures out of training.", PICTURES)
    ] = False,
    allow_leaks: Annotated[
        bool, option("--allow-leaks", "Keep copies on both sides; the report says so.", PICTURES)
    ] = False,
    strict: Annotated[bool | None, option("--strict", "Stop at unreadable pictures.", PICTURES)] = None,
    source_option: Annotated[
        list[str] | None, option("--source-option", "NAME=VALUE of the format, such as label_column=kind.", PICTURES)
    ] = None,
    net: Annotated[str | None, option("--net", "A name of tellapart nets [auto].", NET)] = None,
    net_option: Annotated[list[str] | None, option("--net-option", "NAME=VALUE, such as dropout=0.5.", NET)] = None,
    weights: Annotated[str | None, option("--weights", "imagenet, none, a file, hf:owner/name or a URL.", NET)] = None,
    transfer: Annotated[
        Literal["none", "features", "frozen", "finetune"] | None,
        option(
            "--transfer",
            "features: learn a new last layer on a pretrained network's features; frozen: the same in epochs;  "
            "finetune: its upper stages, too; none: from scratch.",
            NET,
        ),
    ] = None,
    unfreeze: Annotated[
        str | None, option("--unfreeze", "What finetune moves: a stage and those above it, last-block or all.", NET)
    ] = None,
    sigmoid: Annotated[bool | None, option("--sigmoid", "Give two classes one sigmoid output.", NET)] = None,
    epochs: Annotated[int | None, option("--epochs", "Train at most so many epochs.", TRAINING)] = None,
    steps_per_epoch: Annotated[
        int | None,
        option("--steps-per-epoch", "Steps of an epoch, where it is not one pass over all pictures.", TRAINING),
    ] = None,
    batch_size: Annotated[int | None, option("--batch-size", "Pictures in each step.", TRAINING)] = None,
    optimizer: Annotated[
        Literal["adam", "adamw", "muon", "sgd", "rmsprop"] | None,
        option("--optimizer", "What moves the weights [adamw; muon for compact in few epochs].", TRAINING),
    ] = None,
    learning_rate: Annotated[
        float | None, option("--learning-rate", "Highest learning rate of the schedule.", TRAINING)
    ] = None,
    find_learning_rate: Annotated[
        bool | None, option("--find-learning-rate", "Find the learning rate by a range test of some seconds.", TRAINING)
    ] = None,
    weight_decay: Annotated[
        float | None, option("--weight-decay", "Pull weights, not biases, towards 0 by so much.", TRAINING)
    ] = None,
    momentum: Annotated[float | None, option("--momentum", "Momentum of sgd, muon or rmsprop.", TRAINING)] = None,
    schedule: Annotated[
        Literal["constant", "cosine", "one-cycle"] | None,
        option("--schedule", "Course of the learning rate [one-cycle].", TRAINING),
    ] = None,
    label_smoothing: Annotated[
        float | None, option("--label-smoothing", "Share of the target that the other classes get.", TRAINING)
    ] = None,
    class_weights: Annotated[
        Literal["none", "balanced"] | None,
        option("--class-weights", "Make rare classes weigh more [none].", NET),
    ] = None,
    patience: Annotated[
        int | None, option("--patience", "Stop after so many epochs without a new best [3 in finetune].", TRAINING)
    ] = None,
    monitor: Annotated[
        Literal["accuracy", "loss", "top5"] | None,
        option("--monitor", "Figure that has to get better for --patience [accuracy].", TRAINING),
    ] = None,
    averaging: Annotated[
        float | None, option("--averaging", "Average the weights, with this decay a step.", TRAINING)
    ] = None,
    precision: Annotated[
        Literal["float32", "bfloat16", "float16"] | None,
        option("--precision", "Arithmetic of the training.", TRAINING),
    ] = None,
    threads: Annotated[
        int | None, option("--threads", "CPU threads for training; pictures are read by all processors.", RUN)
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"] | None,
        option("--device", "Where to compute [auto: an NVIDIA GPU, else the CPU].", RUN),
    ] = None,
    devices: Annotated[int | None, option("--devices", "Devices of this machine that train together [1].", RUN)] = None,
    augment: Annotated[
        Literal["none", "light", "writing", "photo"] | None,
        option("--augment", "A set of random changes; single ones go on top.", CHANGES),
    ] = None,
    flip_horizontal: Annotated[
        bool | None, option("--flip-horizontal/--no-flip-horizontal", "Mirror left and right, at random.", CHANGES)
    ] = None,
    flip_vertical: Annotated[
        bool | None, option("--flip-vertical/--no-flip-vertical", "Mirror up and down, at random.", CHANGES)
    ] = None,
    rotation: Annotated[float | None, option("--rotation", "Turn by up to so many degrees.", CHANGES)] = None,
    shift: Annotated[float | None, option("--shift", "Move by up to this fraction of the size.", CHANGES)] = None,
    crop: Annotated[
        float | None, option("--crop", "Random crop of at least 1 − c of the area, enlarged to the full size.", CHANGES)
    ] = None,
    shear: Annotated[float | None, option("--shear", "Lean by up to so many degrees.", CHANGES)] = None,
    zoom: Annotated[float | None, option("--zoom", "Scale by 1 − zoom to 1 + zoom.", CHANGES)] = None,
    stretch: Annotated[
        float | None, option("--stretch", "Change height against width, by 1 − s to 1 + s.", CHANGES)
    ] = None,
    elastic: Annotated[
        float | None, option("--elastic", "Displace smoothly, by this fraction of the size.", CHANGES)
    ] = None,
    stroke: Annotated[float | None, option("--stroke", "Make strokes thicker or thinner, 0 to 1.", CHANGES)] = None,
    brightness: Annotated[
        float | None, option("--brightness", "Add up to this fraction of the range.", CHANGES)
    ] = None,
    contrast: Annotated[float | None, option("--contrast", "Multiply contrast by 1 − c to 1 + c.", CHANGES)] = None,
    saturation: Annotated[
        float | None, option("--saturation", "Multiply the colours' saturation by 1 − s to 1 + s.", CHANGES)
    ] = None,
    hue: Annotated[float | None, option("--hue", "Turn the colours' hue by up to so many degrees.", CHANGES)] = None,
    noise: Annotated[
        float | None, option("--noise", "Standard deviation of noise, as a fraction of the range.", CHANGES)
    ] = None,
    erase: Annotated[float | None, option("--erase", "Share of pictures that lose a rectangle.", CHANGES)] = None,
) -> None:
    """Train a classifier: audit, split, baselines, network, report.

    [bold]tellapart train photos/[/] is all it takes; settings that you leave out are chosen from the pictures.
    """
    if no_baselines and baseline:
        raise RecipeError("--no-baselines and --baseline contradict each other: give one of them")
    changes = given(
        flip_horizontal=flip_horizontal, flip_vertical=flip_vertical, rotation=rotation, shift=shift, crop=crop,
        shear=shear, zoom=zoom, stretch=stretch, elastic=elastic, stroke=stroke, brightness=brightness,
        contrast=contrast, saturation=saturation, hue=hue, noise=noise, erase=erase,
    )  # fmt: skip
    sections = given(
        data=given(
            source=source, labels=None if labels is None else str(labels),
            image_size=None if size is None else image_size(size),
            channels=None if grayscale is None else 1 if grayscale else 3, resize=resize, resample=resample,
            background=None if background is None else colour(background), group_by=group_by,
            validation_fraction=validation_fraction, test_fraction=test_fraction, split_seed=split_seed, strict=strict,
            leaks=leaks_answer(drop=drop_leaks, allow=allow_leaks),
            source_options=pairs(source_option, "--source-option", typed=False) or None,
        ) or None,
        net=given(
            name=net, options=pairs(net_option, "--net-option") or None, weights=weights, sigmoid=sigmoid
        ) or None,
        training=given(
            transfer=transfer, unfreeze=unfreeze, epochs=epochs, steps_per_epoch=steps_per_epoch,
            batch_size=batch_size, schedule=schedule, seed=seed, label_smoothing=label_smoothing,
            class_weights=class_weights, averaging=averaging, precision=precision,
            threads=threads, device=device, augment=_augment(augment, changes, recipe=recipe),
            optimizer=given(
                name=optimizer, learning_rate=learning_rate, find_learning_rate=find_learning_rate,
                weight_decay=weight_decay, momentum=momentum,
            ) or None,
            early_stopping=given(monitor=monitor, patience=patience) or None,
        ) or None,
        baselines=() if no_baselines else tuple(baseline) if baseline else None, folds=folds,
    )  # fmt: skip
    _run(recipe, sections, out=out, resume=resume, time=time, devices=devices)


def _augment(name: str | None, changes: dict[str, Any], *, recipe: Path | None) -> dict[str, Any] | None:
    """Return the named set with single changes laid over it, or those alone; None where nothing was said.

    Raises:
        RecipeError: single changes that change nothing, with no set, named or in the recipe, to be taken from.
    """
    from ..recipe import AUGMENTATIONS, Recipe

    if name is not None:
        return {**AUGMENTATIONS[name].model_dump(), **changes}  # zeros too: a recipe file's own changes must not stay
    if changes and (recipe is None or Recipe.load(recipe).training.augment is None):
        if not any(changes.values()):
            first, value = next((one.replace("_", "-"), value) for one, value in changes.items())
            said = f"--no-{first}" if value is False else f"--{first} {value:g}"
            raise RecipeError(
                f"{said} alone would switch off every random change, not this one: name the set that it is taken from, "
                f"such as --augment photo {said}, or say --augment none"
            )
        asked = ", ".join(one.replace("_", "-") for one, value in changes.items() if value)
        typer.echo(
            f"random changes: {asked}, and no others; with --augment photo, writing or light they go on top of a set",
            err=True,
        )
    return changes or None


def _run(
    recipe: Path | None,
    sections: dict[str, Any],
    *,
    out: Path | None,
    resume: Path | None,
    time: str | None,
    devices: int | None,
) -> None:
    started = monotonic()  # before torch is loaded
    from .progress import TerminalProgress
    from .show import show_run

    if resume is not None:
        if sections or recipe or out or time:
            raise RecipeError(
                "--resume goes on with the run's own recipe: give no other choices but --devices beside it"
            )
        from ..workflow import resume as go_on

        show_run(go_on(resume, devices=devices, progress=TerminalProgress()))
        return
    from ..recipe import Recipe
    from .overrides import without_conflicts

    base = recipe_of(recipe) if recipe else Recipe()
    stopping = sections.get("training", {}).get("early_stopping") or {}
    if "monitor" in stopping and "patience" not in stopping and base.training.early_stopping is None:
        raise RecipeError("--monitor goes with --patience, such as --patience 3: give both")
    base, replaced = without_conflicts(base, sections, timed=time is not None)
    if replaced:
        typer.echo(f"chosen anew, because of what is typed beside the recipe: {', '.join(replaced)}", err=True)
    full = base.changed(**sections)
    if not full.data.source:
        raise RecipeError("say which pictures: tellapart train photos/ (or digits, faces, fashion-mnist)")
    from ..workflow import train

    seconds = None if time is None else read_time(time)
    progress = TerminalProgress()
    typed = sections.get("data", {}).get("source")  # what a recipe names is what it named, not what lies here
    run = train(typed, full, out=out, seconds=seconds, started=started, devices=devices, progress=progress)
    show_run(run)
