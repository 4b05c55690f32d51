import gzip
import json
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from benchmarks.harness.command import choose
from benchmarks.harness.result import PeerError
from benchmarks.time_to_accuracy import __main__ as question
from benchmarks.time_to_accuracy import asked, default, default_peer
from benchmarks.time_to_accuracy import choose as choose_time
from benchmarks.time_to_accuracy.course import KEPT_BACK, load

from tellapart import Classifier, Recipe, train


def the_question(**changes):
    options = {"data": [("mnist", "there")], "budget": []} | changes
    return type("Options", (), options)()


def test_all_sides_get_the_same_pictures(monkeypatch, tmp_path):
    monkeypatch.setattr(asked, "unpacked", lambda data, name: tmp_path)
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
    taken = []
    monkeypatch.setattr(choose_time, "answer", lambda made, *, options, folder: taken.append((made(options), options)))
    choose_time.main(["--data", "mnist=there", "--time", "9s", "12s"])
    (((comparison,), options),) = taken
    assert [peer.arguments[-1] for peer in comparison.peers] == ["9s", "12s"]
    assert not any("test" in column.key for column in comparison.columns)
    assert options.dry, "nothing is written"
    ours = question.comparisons(the_question())[0].peers[-1]
    seeds = [peer.arguments[peer.arguments.index("--seed") + 1] for peer in (ours, comparison.peers[0])]
    assert seeds == ["{round}", "1{round}"]


MEASURED = {
    "mnist: to the end of the course's script": {
        "reference": "Keras",
        "peers": {"Keras": {"figures": {"test_accuracy": {"median": 0.9872}, "wall_s": {"median": 67.3}}}, "ours": {}},
    }
}


def test_the_default_is_held_against_what_the_script_was_measured_to_reach(monkeypatch, tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(MEASURED))
    monkeypatch.setattr(default, "FOLDER", tmp_path)
    (comparison,) = default.comparisons(the_question())
    (peer,) = comparison.peers
    told = dict(zip(peer.arguments[3::2], peer.arguments[4::2], strict=True))
    assert told == {"--seed": "{round}", "--least": "0.9872", "--script-seconds": "67.3"}
    with pytest.raises(PeerError, match="not measured on hwdb55: python -m"):
        default.script("hwdb55")
    (tmp_path / "results.json").unlink()
    with pytest.raises(PeerError, match="not measured on mnist"):
        default.script("mnist")


def test_each_epoch_s_checkpoint_is_kept_with_its_time(tmp_path):
    run, kept = tmp_path / "run", tmp_path / "kept"
    run.mkdir()
    kept.mkdir()
    script = (
        "import os, pathlib, sys, time\nrun = pathlib.Path(sys.argv[1])\n"
        "for number in range(3):\n    (run / 'new').write_text(str(number))\n"
        "    os.replace(run / 'new', run / 'checkpoint.pt')\n    time.sleep(0.4)\n"
        "(run / 'checkpoint.pt').unlink()\ntime.sleep(0.2)\n"
    )
    started = time.time()
    process = subprocess.Popen([sys.executable, "-c", script, str(run)])
    found = list(default_peer.epochs(process, run, started=started, kept=kept))
    assert [path.read_text() for _, path in found] == ["0", "1", "2"]
    seconds = [second for second, _ in found]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0
    assert seconds[2] - seconds[0] > 0.5


def test_the_first_epoch_that_is_as_good_passes():
    assert default_peer.first_passing([0.7, 0.9, 0.8, 0.95], least=0.9) == 1
    with pytest.raises(PeerError, match=r"no epoch has 99.00% .* the highest has 95.00%"):
        default_peer.first_passing([0.9, 0.95], least=0.99)


def test_what_is_looked_at_are_the_averaged_weights_of_an_epoch(tmp_path, monkeypatch):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    recipe = Recipe.make(net={"name": "softmax", "weights": "none"}, training={"epochs": 2}, baselines=())
    run = train("digits", out=tmp_path / "run", recipe=recipe, explain=False)
    averaged = Classifier.load(run.path).net.state_dict()
    unlike = {name: torch.zeros_like(tensor) for name, tensor in averaged.items()}
    torch.save({"epoch": 1, "net": unlike, "averaged": averaged}, tmp_path / "1.pt")
    torch.save({"epoch": 2, "net": averaged, "averaged": None}, tmp_path / "2.pt")
    torch.save({"epoch": 3, "net": unlike, "averaged": None}, tmp_path / "3.pt")
    shares = default_peer.accuracies([tmp_path / f"{number}.pt" for number in (1, 2, 3)], run.path)
    reached = run.load("evaluation")["splits"]["test"]["figures"]["accuracy"]["value"]
    assert shares[:2] == pytest.approx([reached, reached])
    assert shares[2] < 0.2
    with pytest.raises(PeerError, match="epoch 2 was missed: the next is that of 3"):
        default_peer.accuracies([tmp_path / "1.pt", tmp_path / "3.pt"], run.path)
