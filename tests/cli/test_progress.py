"""Bars on a terminal: they nest, go when they are done, and a reader who goes stops nothing."""

import io

import pytest

from tellapart.cli.progress import TerminalProgress, _MayLoseItsReader


@pytest.fixture
def shown():
    progress = TerminalProgress()
    progress.console = _MayLoseItsReader(
        file=io.StringIO(), force_terminal=True, width=100, highlight=False, emoji=False
    )
    return progress


def test_bars_nest_and_go(shown):
    with shown.task("out[er]", total=3, unit="epochs"):
        with shown.task("inner", total=2_000_000, unit="bytes"):
            shown.advance(1_000_000)
            assert [task.completed for task in shown._bar.tasks] == [0, 1_000_000]
        shown.advance(1, note="epoch 1: [b]loss")
        assert [task.completed for task in shown._bar.tasks] == [1]
        shown._bar.refresh()
    assert shown._bar is None
    printed = shown.console.file.getvalue()
    assert "epoch 1: [b]loss" in printed
    assert "out[er]" in printed
    assert "1/3 epochs" in printed


def test_without_a_terminal_there_are_lines_alone():
    progress = TerminalProgress()
    progress.console = _MayLoseItsReader(file=io.StringIO(), force_terminal=False, width=100)
    with progress.task("reading", total=2):
        progress.advance(2)
        progress.say("three pictures [are] unreadable")
    assert progress.console.file.getvalue() == "· three pictures [are] unreadable\n"


def test_a_reader_who_goes_stops_nothing(shown, monkeypatch):
    def closed(text):
        raise BrokenPipeError

    monkeypatch.setattr(shown.console.file, "write", closed)
    shown.say("nobody hears it")
    with shown.task("reading", total=2):
        shown.advance(2, note="nor this")
