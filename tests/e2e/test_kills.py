"""Twenty kills at random moments of a training lose nothing: the final weights are those of a training never killed.

Twenty kills fall on the loop itself, in children of one process that has torch loaded already; three more fall on
``tellapart train`` and ``tellapart train --resume``, anywhere between the program's start and its end.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tellapart.run import Run

KILLS = 20
EPOCHS = 60

LOOP = """
import json, os, random, signal, sys, time
from pathlib import Path
import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from tellapart.images.preprocessing import Preprocessing
from tellapart.nets import build_net
from tellapart.recipe import Recipe
from tellapart.run import Run
from tellapart.training import Pictures, Task, fit
from tellapart.training.initial import seeded
from tellapart.training.optimizers import build_optimizer

here, seed, kills, epochs = Path(sys.argv[1]), *map(int, sys.argv[2:])
found = load_digits()
pixels = np.kron(found.images * 255 / 16, np.ones((1, 2, 2))).astype(np.uint8)[..., None]
labels, rows = found.target.astype(np.int64), np.arange(len(pixels))
spec = Preprocessing(image_size=(16, 16), channels=1, mean=(0.3,), std=(0.35,))
task = Task(Pictures(pixels, rows[:200], labels[:200]), Pictures(pixels, rows[200:300], labels[200:300]), spec, 10)
recipe = Recipe.make(training={
    "transfer": "none", "schedule": "one-cycle",
    "epochs": epochs, "batch_size": 50, "label_smoothing": 0.1, "averaging": 0.8, "precision": "float32", "threads": 1,
    "augment": {"rotation": 10, "noise": 0.05}, "optimizer": {"name": "adamw", "learning_rate": 0.003},
})

def train(name):
    # In a child: the parent runs no torch, so that each child starts from the same state. It says when it begins.
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
        return child
    try:
        run = Run.open(here / name) if (here / name / "recipe.json").exists() else Run.create(here / name, recipe)
        with seeded(0, torch.device("cpu")):
            options = {"width": 4, "dropout": 0.3}
            net = build_net("compact", outputs=10, channels=1, image_size=(16, 16), options=options)
        os.write(writing, b"!")
        done = fit(net, task, recipe.training, run=run)
        save_file({k: v.contiguous() for k, v in done.net.state_dict().items()}, here / f"{name}.safetensors")
        os._exit(0)
    except BaseException as error:
        print(type(error).__name__, error, flush=True)
        os._exit(1)

def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

# The first optimiser of a process imports a good part of torch; the children should have it.
build_optimizer(build_net("compact", outputs=10, channels=1, image_size=(16, 16)), recipe.training.optimizer)
child, started = train("whole"), time.perf_counter()
lines = here / "whole" / "history.jsonl"
while not (lines.exists() and lines.stat().st_size) and time.perf_counter() - started < 60:
    time.sleep(0.002)
first = time.perf_counter() - started
assert ended(child) == 0
epoch = (time.perf_counter() - started - first) / (epochs - 1)
draw, codes = random.Random(seed), []
for number in range(kills):
    child = train("killed")
    # Every fourth before its first epoch begins, which takes longer than an epoch where the machine is busy.
    begin = max(first - epoch, 0)
    time.sleep(draw.uniform(0, begin) if number % 4 == 0 else begin + draw.uniform(0, 2.5 * epoch))
    os.kill(child, signal.SIGKILL)
    codes.append(ended(child))
before = len(Run.open(here / "killed").history)
assert ended(train("killed")) == 0
print(json.dumps({"codes": codes, "before": before}))
"""


def weights(path: Path) -> dict[str, np.ndarray]:
    return load_file(path)


def equal(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(
        first[name].tobytes() == second[name].tobytes() and first[name].dtype == second[name].dtype for name in first
    )


def history(run: Path) -> list[dict[str, float]]:
    timing = {"seconds", "train_seconds", "train_pictures_per_second"}
    lines = (run / "history.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in timing} for line in lines]


def test_twenty_kills_of_the_loop_lose_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LOOP, str(tmp_path), "7", str(KILLS), str(EPOCHS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["codes"] == [-signal.SIGKILL] * KILLS, "each kill hit a training at work"
    assert 0 < found["before"] < EPOCHS, "the kills fell in the middle"
    assert equal(weights(tmp_path / "whole.safetensors"), weights(tmp_path / "killed.safetensors"))
    assert history(tmp_path / "whole") == history(tmp_path / "killed")
    assert len(history(tmp_path / "killed")) == EPOCHS
    assert not list((tmp_path / "killed").glob(".unfinished*"))


TRAIN = [
    "train", "digits", "--net", "convnet16", "--image-size", "16", "--grayscale", "--epochs", "4", "--threads", "1",
    "--augment", "writing", "--batch-size", "128", "--optimizer", "adam", "--learning-rate", "0.001",
]  # fmt: skip


def tellapart(*arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "tellapart", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(process: subprocess.Popen) -> None:
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, float]:
    """A run that was never killed, and how long it took."""
    path = tmp_path_factory.mktemp("never-killed") / "run"
    started = time.perf_counter()
    finished(tellapart(*TRAIN, "--out", str(path)))
    return path, time.perf_counter() - started


def test_kills_of_the_program_lose_nothing(tmp_path, whole):
    reference, seconds = whole
    run, draw, codes = tmp_path / "run", random.Random(11), []
    for _ in range(3):
        begun = (run / "recipe.json").exists()
        process = tellapart(*(("train", "--resume", str(run)) if begun else (*TRAIN, "--out", str(run))))
        time.sleep(draw.uniform(0.3, 0.9) * seconds)
        process.kill()
        process.communicate()
        codes.append(process.returncode)
    assert -signal.SIGKILL in codes, "each of them had ended before it was to be killed"
    begun = (run / "recipe.json").exists()
    finished(tellapart(*(("train", "--resume", str(run)) if begun else (*TRAIN, "--out", str(run)))))

    assert json.loads((run / "status.json").read_text())["state"] == "done"
    assert equal(weights(reference / "model.safetensors"), weights(run / "model.safetensors"))
    assert history(reference) == history(run)
    for name in ("evaluation.json", "splits.json", "choices.json", "recipe.json", "audit.json"):
        assert (reference / name).read_bytes() == (run / name).read_bytes(), name
    assert {path.name for path in reference.iterdir()} == {path.name for path in run.iterdir()}
    for path in (reference / "predictions").iterdir():
        mine, its = np.load(path), np.load(run / "predictions" / path.name)
        assert all((mine[key] == its[key]).all() for key in mine.files)
    assert equal(
        weights(reference / "baselines/softmax/model.safetensors"), weights(run / "baselines/softmax/model.safetensors")
    )


def test_a_finished_run_is_not_trained_again(whole):
    path, _ = whole
    before = (path / "model.safetensors").stat().st_mtime_ns
    finished(tellapart("train", "--resume", str(path)))
    assert (path / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe is another error there")
def test_a_reader_of_its_messages_that_goes_costs_the_training_nothing(tmp_path):
    """As ``tee`` goes at Ctrl-C, which the terminal sends to it, too."""
    command = [sys.executable, "-m", "tellapart", "train", "digits", "--net", "softmax", "--epochs", "2"]
    reading, writing = os.pipe()
    os.close(reading)
    env = {**os.environ, "TELLAPART_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([*command, "--no-baselines", "--out", str(tmp_path / "run")], stderr=writing,
                          stdout=subprocess.PIPE, env=env, check=False)  # fmt: skip
    os.close(writing)
    assert done.returncode == 0
    assert b"accuracy" in done.stdout
    assert Run.open(tmp_path / "run").status["state"] == "done"
