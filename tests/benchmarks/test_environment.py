import sys
from pathlib import Path

import pytest
from benchmarks.harness import environment
from benchmarks.harness.result import PeerError


def test_our_own_environment_is_this_python():
    assert environment.prepare("tellapart") == Path(sys.executable)


def test_an_unknown_environment_names_those_there_are():
    with pytest.raises(PeerError, match="keras-tensorflow"):
        environment.prepare("caffe")


def test_every_environment_is_pinned_and_every_pin_constrained():
    assert environment.names() == [
        "keras-jax",
        "keras-tensorflow",
        "keras-torch",
        "onnxruntime",
        "pillow",
        "skorch",
        "torch",
    ]
    for name in environment.names():
        folder = environment.PINNED / name
        wanted = environment.requirements((folder / "requirements.txt").read_text())
        constrained = {c.lower().replace("_", "-") for c in (folder / "constraints.txt").read_text().split()}
        for requirement in wanted:
            bare = requirement.replace("[cpu]", "").lower().replace("_", "-")
            assert bare in constrained, f"{name}: {requirement} is not in constraints.txt"
        assert not environment.cuda_packages(sorted(constrained))


def test_comments_are_no_requirements():
    assert environment.requirements("# why\nkeras==3\n\ntorch==2  # CPU\n") == ["keras==3", "torch==2"]


def test_cuda_packages_are_found_by_any_spelling():
    installed = ["numpy==2", "nvidia-cublas-cu12==12", "Triton==3", "jax_cuda12_plugin==1", "torch==2"]
    assert environment.cuda_packages(installed) == ["nvidia-cublas-cu12==12", "Triton==3", "jax_cuda12_plugin==1"]


def test_a_prepared_environment_is_used_again_until_its_pins_change(tmp_path, monkeypatch):
    pinned, made = tmp_path / "environments", tmp_path / "made"
    (pinned / "one").mkdir(parents=True)
    for file in ("requirements.txt", "constraints.txt"):
        (pinned / "one" / file).write_text("a==1\n")
    monkeypatch.setattr(environment, "PINNED", pinned)
    monkeypatch.setattr(environment, "MADE", made)
    calls = []

    def make(name, python):
        calls.append(name)
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()

    monkeypatch.setattr(environment, "_make", make)
    assert environment.prepare("one") == environment.prepare("one") == made / "one" / "bin" / "python"
    assert calls == ["one"]
    (pinned / "one" / "constraints.txt").write_text("a==1\nb==2\n")
    environment.prepare("one")
    assert calls == ["one", "one"]
