import gzip

import numpy as np
import pytest
from benchmarks.harness.command import choose
from benchmarks.time_to_accuracy import __main__ as question
from benchmarks.time_to_accuracy import choose as choose_time
from benchmarks.time_to_accuracy.course import KEPT_BACK, load


def the_question(**changes):
    options = {"data": [("mnist", "there")], "budget": []} | changes
    return type("Options", (), options)()


def test_all_sides_get_the_same_pictures(monkeypatch, tmp_path):
    monkeypatch.setattr(question, "unpacked", lambda data, name: tmp_path)
    data = [("mnist", "there"), ("hwdb55", "zip"), ("fashion-mnist", "fashion-mnist")]
    found = question.comparisons(the_question(data=data, budget=[("mnist", "9s")]))
    assert [one.title.split(":")[0] for one in found] == ["mnist", "hwdb55", "fashion-mnist"]
    for comparison, source in zip(found, ("there", str(tmp_path), "fashion-mnist"), strict=True):
        assert [peer.environment for peer in comparison.peers] == ["keras-tensorflow", "skorch", "tellapart"]
        assert all(source in peer.arguments for peer in comparison.peers)
        assert comparison.peers[0].variables["TF_ENABLE_ONEDNN_OPTS"] == "1"
    assert [one.peers[-1].name for one in found] == [
        "tellapart --time 9s", f"tellapart --time {question.BUDGETS['hwdb55']}",
        f"tellapart --time {question.BUDGETS['fashion-mnist']}",
    ]  # fmt: skip
    assert choose(found[0], texts=["tellapart"]).peers[0].arguments[-1] == "9s"


def test_a_budget_names_a_set(capsys):
    with pytest.raises(SystemExit):
        question.main(["--data", "mnist=there", "--budget", "digits=3s"])
    assert "NAME=TIME" in capsys.readouterr().err


def test_the_files_of_the_small_sets_are_read(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (KEPT_BACK + 3, 28, 28), dtype=np.uint8)
    labels = np.arange(len(pixels), dtype=np.uint8) % 10
    for part, count in (("train", len(pixels)), ("t10k", 4)):
        for kind, array in (("images-idx3", pixels[:count]), ("labels-idx1", labels[:count])):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
            (tmp_path / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes(), 1))
    train, validation, test = load(tmp_path, "mnist")
    assert [len(part[0]) for part in (train, validation, test)] == [3, KEPT_BACK, 4]
    assert (np.concatenate([train[0], validation[0]]) == pixels).all()
    assert (test[1] == labels[:4]).all()


def test_a_time_is_chosen_by_validation_alone_and_with_other_seeds(monkeypatch):
    asked = []
    monkeypatch.setattr(choose_time, "answer", lambda made, *, options, folder: asked.append((made(options), options)))
    choose_time.main(["--data", "mnist=there", "--time", "9s", "12s"])
    (((comparison,), options),) = asked
    assert [peer.arguments[-1] for peer in comparison.peers] == ["9s", "12s"]
    assert not any("test" in column.key for column in comparison.columns)
    assert options.dry, "nothing is written"
    ours = question.comparisons(the_question())[0].peers[-1]
    seeds = [peer.arguments[peer.arguments.index("--seed") + 1] for peer in (ours, comparison.peers[0])]
    assert seeds == ["{round}", "1{round}"]
