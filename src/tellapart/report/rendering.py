"""What every page is rendered with: the templates, and a policy that lets nothing in from outside."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ..wording import counted, percent, sureness


def page_text(template: str, *, styles: Sequence[str], scripts: Sequence[str], **views: Any) -> str:
    """Return a page as text: one file that opens from disk without a network.

    Args:
        template: its file.
        styles: style sheets, in order.
        scripts: likewise.
        views: what the template shows.
    """
    style = "\n".join(map(_template_text, styles))
    script = '(() => {\n"use strict";\n' + "\n".join(map(_template_text, scripts)) + "\n})();"
    page = (
        _environment()
        .get_template(template)
        .render(style=Markup(style), script=Markup(script), policy=_policy(style=style, script=script), **views)
    )
    # A lone surrogate, from a file name that is not UTF-8, cannot be written; its replacement can.
    return page.encode("utf-8", errors="replace").decode("utf-8")


def _policy(*, style: str, script: str) -> str:
    """Return a policy that lets the page's own style and script work, data images show, and nothing else happen."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@functools.lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    """Return Jinja's environment: everything from outside is escaped, and what a template lacks is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("tellapart.report"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"percent": percent, "counted": counted, "sureness": sureness}
    return made


@functools.cache
def _template_text(file: str) -> str:
    """Return the text of a style sheet or script among the templates."""
    return (Path(__file__).parent / "templates" / file).read_text(encoding="utf-8").strip()
