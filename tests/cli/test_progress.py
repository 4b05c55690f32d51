"""Bars on a terminal: they nest, go when they are done, and a reader who goes stops nothing."""

import io

import pytest

from tellapart import progress
from tellapart.cli.progress import TerminalProgress, _MayLoseItsReader


@pytest.fixture
def shown():
    terminal = TerminalProgress()
    terminal.console = _MayLoseItsReader(
        file=io.StringIO(), force_terminal=True, width=100, highlight=False, emoji=False
    )
    return terminal


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
    terminal = TerminalProgress()
    terminal.console = _MayLoseItsReader(file=io.StringIO(), force_terminal=False, width=100)
    with terminal.task("reading", total=2):
        terminal.advance(2)
        terminal.say("three pictures [are] unreadable")
    assert terminal.console.file.getvalue() == "· three pictures [are] unreadable\n"


def test_a_reader_who_goes_stops_nothing(shown, monkeypatch):
    def closed(text):
        raise BrokenPipeError

    monkeypatch.setattr(shown.console.file, "write", closed)
    shown.say("nobody hears it")
    with shown.task("reading", total=2):
        shown.advance(2, note="nor this")


def test_a_part_that_takes_long_is_drawn_below_the_whole(shown, monkeypatch):
    seconds = iter([0.0, 1.0, 3.0, 4.0])  # at its beginning, and after each unit until it is drawn
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds, 5.0))
    with shown.task("training", total=4, unit="epochs"), progress.Part(shown, "epoch 1", total=9, unit="steps") as part:
        drawn = []
        for _ in range(4):
            part.advance()
            drawn.append([task.completed for task in shown._bar.tasks])
    assert drawn == [[0], [0, 2], [0, 3], [0, 4]]
    assert shown._bar is None


def test_a_part_that_is_soon_done_is_not(shown):
    with shown.task("training", total=4, unit="epochs"), progress.Part(shown, "epoch 1", total=1, unit="steps") as part:
        part.advance()
        assert len(shown._bar.tasks) == 1


def test_a_part_that_fails_takes_its_bar_along(shown, monkeypatch):
    monkeypatch.setattr(progress, "SLOW", -1.0)
    drawn = []

    def epoch():
        with progress.Part(shown, "epoch 1", total=9, unit="steps") as part:
            part.advance()
            drawn.append(len(shown._bar.tasks))
            raise MemoryError

    with shown.task("training", total=4, unit="epochs"):
        with pytest.raises(MemoryError):
            epoch()
        drawn.append(len(shown._bar.tasks))
    assert drawn == [2, 1]
