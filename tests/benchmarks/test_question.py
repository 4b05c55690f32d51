import json

import pytest
from benchmarks.harness.question import WALL, Column, Comparison, Peer, run
from benchmarks.harness.result import PeerError
from benchmarks.harness.table import markdown

SAY = "from benchmarks.harness.result import say; say(figures={{'speed': {speed}}}, versions={{'a': '1'}})"


def peer(name, program, **keys):
    return Peer(name, "tellapart", ("-c", program), **keys)


def compare(*peers):
    return Comparison("A and B", peers, peers[0].name, (WALL, Column("speed", "speed")))


def test_peers_run_in_turn_and_every_value_is_kept(results, capsys):
    answer = run(compare(peer("A", SAY.format(speed=1)), peer("B", SAY.format(speed=2))), rounds=2, question="q")
    told = [text.split(": ")[1] for text in capsys.readouterr().out.splitlines()]
    assert told == ["A", "B", "A", "B"]
    assert [list(row.figures["speed"]) for row in answer.rows] == [[1.0, 1.0], [2.0, 2.0]]
    assert all(len(row.figures["wall_s"]) == 2 for row in answer.rows)
    (raw,) = results.glob("q/*/raw.json")
    assert json.loads(raw.read_text())["rows"][1]["figures"]["speed"] == [2.0, 2.0]
    assert len(list(raw.parent.glob("*.log"))) == 4


def test_a_peer_that_takes_long_runs_in_the_first_round_alone(results, capsys):
    slow = peer("A", SAY.format(speed=2), once=True)
    answer = run(compare(slow, peer("B", SAY.format(speed=6))), rounds=3, question="q")
    assert [list(row.figures["speed"]) for row in answer.rows] == [[2.0], [6.0, 6.0, 6.0]]
    assert "3 runs each, in turn: median (smallest to largest); A: one run." in markdown(answer)


def test_a_bare_command_is_measured_from_outside(results):
    answer = run(compare(peer("A", "pass", reports=False)), rounds=1, question="q")
    assert answer.rows[0].figures.keys() == {"wall_s", "cpu_s", "peak_memory_mb", "others_share"}


def test_a_peer_that_says_nothing_is_named(results):
    with pytest.raises(PeerError, match="B: no result"):
        run(compare(peer("A", SAY.format(speed=1)), peer("B", "print('fine')")), rounds=1, question="q")


def test_a_peer_must_say_the_same_figures_each_time(results):
    program = "import os; from benchmarks.harness.result import say; say(figures={str(os.getpid()): 1}, versions={})"
    with pytest.raises(PeerError, match="different figures"):
        run(compare(peer("A", program)), rounds=2, question="q")


def test_a_comparison_has_its_reference_and_no_name_twice():
    with pytest.raises(ValueError, match="names must differ"):
        compare(peer("A", ""), peer("A", ""))
    with pytest.raises(ValueError, match="'C'"):
        Comparison("t", (peer("A", ""),), "C", ())


def test_a_peer_may_take_the_round_for_its_seed(results):
    program = (
        "import sys; from benchmarks.harness.result import say; say(figures={'seed': int(sys.argv[1])}, versions={})"
    )
    answer = run(compare(Peer("A", "tellapart", ("-c", program, "{round}"))), rounds=3, question="q")
    assert list(answer.rows[0].figures["seed"]) == [1.0, 2.0, 3.0]


def test_a_run_that_was_stopped_goes_on_with_what_it_lacks(results, capsys):
    there = results / "there"
    needs = f"import pathlib, sys; pathlib.Path({str(there)!r}).exists() or sys.exit(1); {SAY.format(speed=2)}"
    asked = compare(peer("A", SAY.format(speed=1)), peer("B", needs))
    with pytest.raises(PeerError):
        run(asked, rounds=2, question="q")
    other = compare(peer("A", SAY.format(speed=7)), peer("B", needs))
    with pytest.raises(PeerError, match="was measured otherwise, at another commit or on another machine: start anew"):
        run(other, rounds=2, question="q", go_on=True)
    there.parent.mkdir(exist_ok=True)
    there.touch()
    capsys.readouterr()
    answer = run(asked, rounds=2, question="q", go_on=True)
    assert [list(row.figures["speed"]) for row in answer.rows] == [[1.0, 1.0], [2.0, 2.0]]
    assert len(capsys.readouterr().out.splitlines()) == 3, "what was measured is not measured again"
    assert len(list(results.glob("q/*/raw.json"))) == 1
    fresh = run(other, rounds=1, question="q", go_on=True)
    assert [list(row.figures["speed"]) for row in fresh.rows] == [[7.0], [2.0]], "a finished run is not gone on with"
