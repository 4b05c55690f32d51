"""What every page is rendered with: the templates, and a policy that lets nothing in from outside."""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path

import jinja2

from ..wording import counted, percent


def policy(*, style: str, script: str) -> str:
    """Return a policy that lets the page's own style and script work, data images show, and nothing else happen."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@functools.lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Return Jinja's environment: everything from outside is escaped, and what a template lacks is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("tellapart.report"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"percent": percent, "counted": counted}
    return made


@functools.cache
def template_text(file: str) -> str:
    """Return the text of a style sheet or script among the templates."""
    return (Path(__file__).parent / "templates" / file).read_text(encoding="utf-8").strip()
