"""A rate that is found: in the recipe, in its file, in the report, and kept by a resumed run."""

import pytest

from tellapart import Run, resume, train
from tellapart.recipe import Recipe
from tellapart.training import loop


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def test_what_was_found_is_written_down_and_kept_by_resuming(tmp_path, monkeypatch):
    recipe = Recipe.make(
        net={"name": "compact", "options": {"width": 2}}, baselines=(),
        training={"epochs": 2, "optimizer": {"find_learning_rate": True}, "augment": {}},
    )  # fmt: skip
    save = loop.save_checkpoint

    def save_and_die(run, state):
        save(run, state)
        raise KilledError

    monkeypatch.setattr(loop, "save_checkpoint", save_and_die)
    with pytest.raises(KilledError):
        train("digits", recipe, out=tmp_path / "run")
    monkeypatch.undo()
    run = Run.open(tmp_path / "run")
    found, kept = run.load("learning_rate"), run.recipe.training.optimizer
    assert (kept.learning_rate, kept.find_learning_rate) == (found["found"], False)
    reason = next(c["reason"] for c in run.load("choices") if c["field"] == "training.optimizer.learning_rate")
    assert "range test" in reason
    done = resume(tmp_path / "run")
    assert done.load("learning_rate") == found
    assert done.recipe.training.optimizer.learning_rate == found["found"]
    assert "Loss by learning rate" in (done.path / "report.html").read_text(encoding="utf-8")
