import pytest
from benchmarks.harness.command import answer, choose, parser
from benchmarks.harness.question import WALL, Comparison, Peer
from benchmarks.harness.result import PeerError
from benchmarks.harness.table import BEGIN, END


def comparison(program="pass"):
    peers = tuple(Peer(name, "tellapart", ("-c", program), reports=False) for name in ("Keras", "ours"))
    return Comparison("Title", peers, "Keras", (WALL,))


def test_only_leaves_those_peers_and_a_reference():
    assert choose(comparison(), texts=[]) == comparison()
    left = choose(comparison(), texts=["OURS"])
    assert [peer.name for peer in left.peers] == ["ours"]
    assert left.reference == "ours"
    with pytest.raises(PeerError, match="Keras, ours"):
        choose(comparison(), texts=["jax"])


def ask(tmp_path, *arguments, program="pass"):
    folder = tmp_path / "question"
    folder.mkdir()
    (folder / "README.md").write_text(f"{BEGIN}\n{END}\n")
    options = parser("What?", rounds=1).parse_args(list(arguments))
    return answer(lambda _: [comparison(program)], options=options, folder=folder), (folder / "README.md").read_text()


def test_a_whole_answer_is_written(tmp_path, results):
    status, page = ask(tmp_path)
    assert status == 0
    assert "| ours |" in page


@pytest.mark.parametrize("arguments", [["--dry"], ["--only", "ours"]])
def test_a_partial_answer_is_not(tmp_path, results, arguments):
    status, page = ask(tmp_path, *arguments)
    assert status == 0
    assert "ours" not in page


def test_a_failing_peer_fails_the_command_and_writes_nothing(tmp_path, results, capsys):
    status, page = ask(tmp_path, program="raise SystemExit(4)")
    assert status == 1
    assert "FAILED" in capsys.readouterr().err
    assert "ours" not in page


def test_rounds_must_be_positive(tmp_path, results):
    assert ask(tmp_path, "--rounds", "0")[0] == 2
