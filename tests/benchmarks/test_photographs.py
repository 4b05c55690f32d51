import pytest
from benchmarks.harness.result import PeerError
from benchmarks.photographs import __main__ as question

ONE = {
    "wall_s": 20.0, "cpu_s": 36.0, "peak_memory_mb": 1500.0, "validation": 0.988, "test": 0.98, "others_share": 0.01,
}  # fmt: skip


@pytest.fixture
def data(own_page):
    return own_page(question)


def test_each_seed_is_trained_twice_and_kept(data, tmp_path, monkeypatch, capsys):
    seeds = []

    def train(path, *, seed):
        seeds.append(seed)
        return {"first": {**ONE, "wall_s": 20.0 + seed}, "second": {**ONE, "wall_s": 7.0, "test": 0.97 + 0.01 * seed}}

    monkeypatch.setattr(question, "train", train)
    assert question.main(["--data", data, "--seeds", "0", "1", "2"]) == 0
    page = (tmp_path / "README.md").read_text("utf-8")
    assert "| first | 3 | 21.0 (20.0 to 22.0) | 36.0 | 1,500 | 98.8 | 98.0 | 1 |" in page
    assert "| second | 3 | 7.0 | 36.0 | 1,500 | 98.8 | 98.0 (97.0 to 99.0) | 1 |" in page
    assert question.main(["--data", data, "--seeds", "2", "3"]) == 0
    assert seeds == [0, 1, 2, 3]
    assert "seed 3: 23.0 s, then 7.0 s" in capsys.readouterr().out


def test_a_training_that_fails_ends_it(data, monkeypatch, capsys):
    def train(path, *, seed):
        raise PeerError("it broke")

    monkeypatch.setattr(question, "train", train)
    assert question.main(["--data", data]) == 1
    assert "seed 0: it broke" in capsys.readouterr().err
