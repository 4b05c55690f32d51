"""Commands that messages advise can be given as they stand."""

import shlex
from pathlib import Path

from tellapart import commands


def test_they_name_the_plugins_that_the_process_was_given(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "loaded_plugins", [tmp_path / "my net.py", Path("other.py")])
    plugins = ["--plugin", str(tmp_path / "my net.py"), "--plugin", "other.py"]
    assert shlex.split(commands.to_resume("a run")) == ["tellapart", *plugins, "train", "--resume", "a run"]
    asked = ["evaluate", "run", "--label-errors", "my labels.csv"]
    assert shlex.split(commands.to_find_labels("run", "my labels.csv")) == ["tellapart", *plugins, *asked]
    again = ["train", "--recipe", "run/recipe.json", "--labels", "labels.csv"]
    assert shlex.split(commands.to_retrain("run", "labels.csv")) == ["tellapart", *plugins, *again]
