"""``tellapart import``: a model that Teachable Machine made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import TargetExistsError
from ..wording import printable, quoted

NAME = "import"


def command(
    export: Annotated[Path, typer.Argument(help="Teachable Machine's Keras export: a zip, or a folder.")],
    out: Annotated[Path | None, typer.Option("--out", help="Model file. [the export's name with .safetensors]")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file of the same name.")] = False,
) -> None:
    """Turn a Teachable Machine export into a model file for predict, with the same probabilities."""
    from ..files import expanded, is_folder, writing_whole
    from ..workflow import import_model

    name = export.resolve().name if is_folder(export) else export.resolve().stem
    target = expanded(out or f"{name}.safetensors")
    if os.path.lexists(target) and not overwrite:
        raise TargetExistsError(f"{str(target)!r} exists: choose another --out, or give --overwrite")
    classifier = import_model(export)
    with writing_whole(target) as beside:
        classifier.save(beside)
    names, shown = printable(", ".join(classifier.class_names)), quoted(target)
    typer.echo(f"{target}: {len(classifier.class_names)} classes ({names}); try: tellapart predict {shown} photo.jpg")
