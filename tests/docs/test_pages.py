"""What the pages show works: code, links, pictures, command lines."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from tellapart.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
LINKED = PAGES + [page for glob in ("README.md", "*/README.md") for page in sorted((ROOT / "benchmarks").glob(glob))]
TESTED_ELSEWHERE = {"nets.md", "use-the-model.md"}
TEXT = {".py", ".md", ".toml", ".txt", ".js", ".css", ".j2", ".json", ".cfg", ".yml", ""}
NOT_OURS = {".git", ".venv", ".environments", "results", "runs", "dist", "__pycache__", ".hypothesis"}
NOT_OURS |= {".pytest_cache", ".mypy_cache", ".ruff_cache", ".import_linter_cache"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page, *languages):
    return [code for language, code in FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


def prose(page):
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def by_name(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", LINKED, ids=by_name)
def test_fences_close_on_lines_of_their_own(page):
    assert "```" not in prose(page)


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p, "python") and p.name not in TESTED_ELSEWHERE], ids=by_name
)
def test_code_runs(page, desk, capsys):
    names = {"__name__": "page"}
    for code in blocks(page, "python"):
        exec(compile(code, by_name(page), "exec"), names)


def run_block(page, holding):
    (code,) = [code for code in blocks(ROOT / "docs" / page, "python") if holding in code]
    exec(compile(code, page, "exec"), {"__name__": "page"})


def test_a_table_for_each_site_is_written(desk):
    run_block("how-do-i.md", "without-")
    assert Path("without-A.csv").read_text(encoding="utf-8").split() == [
        "path,label,split,group", "scans/A_1_cat.png,cat,test,A-1", "scans/A_2_dog.png,dog,test,A-2",
        "scans/B_1_cat.png,cat,,B-1",
    ]  # fmt: skip
    assert Path("without-B.csv").exists()


def test_a_stack_is_projected(desk):
    run_block("sources.md", "ImageSequence")
    with Image.open("stacks/cat/a.tif") as stack, Image.open("png/cat/a.png") as projected:
        values, made = np.asarray(stack).astype(float), np.asarray(projected)
    np.testing.assert_array_equal(made, (np.clip((values - 100) / 3995, 0, 1) * 255).round().astype(np.uint8))


def headings(page):
    """The anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", LINKED, ids=by_name)
def test_named_benchmarks_exist(page):
    for name in re.findall(r"python -m (benchmarks[.\w]*)", page.read_text(encoding="utf-8")):
        place = ROOT.joinpath(*name.split("."))
        assert (place / "__main__.py").exists() or place.with_suffix(".py").exists(), name


@pytest.mark.parametrize("page", LINKED, ids=by_name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), target
        assert not anchor or anchor in headings(there), target


def test_every_page_is_on_the_map():
    linked = re.findall(r"\]\(([\w-]+\.md)", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"))
    assert sorted(set(linked)) == sorted(p.name for p in (ROOT / "docs").glob("*.md") if p.name != "index.md")


def command_lines(page):
    for code in blocks(page, "shell", ""):
        for line in code.replace("\\\n", " ").splitlines():
            if line.startswith("tellapart ") and "[options]" not in line:
                yield line


@pytest.mark.parametrize(("page", "line"), [(by_name(p), line) for p in PAGES for line in command_lines(p)])
def test_command_lines_are_the_programs(page, line):
    group = typer.main.get_command(app)
    words = shlex.split(line, comments=True)[1:]
    for mark in ("<", ">", "|"):
        words = words[: words.index(mark)] if mark in words else words
    while words[0] == "--plugin":
        del words[:2]
    verb, *rest = words
    group.commands[verb].make_context(verb, rest)


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_named_verbs_exist(page):
    verbs = set(typer.main.get_command(app).commands)
    said = re.findall(r"`tellapart ([a-z]+)", prose(page))
    assert set(said) - {"verb"} <= verbs


def files_of_the_project(folder=ROOT):
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in NOT_OURS:
            yield from files_of_the_project(path)
        elif path.is_file() and path.suffix in TEXT and path.name not in NOT_OURS:  # .git is a file in a worktree
            yield path


def test_no_file_names_a_path_of_one_machine():
    places = re.compile("/(work/" + "(main|shared)|home/" + r"\w+|root)/")
    for file in files_of_the_project():
        found = places.search(file.read_text(encoding="utf-8", errors="replace"))
        assert not found, f"{file.relative_to(ROOT)}: {found}"
