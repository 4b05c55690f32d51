"""Each verb: its help, what it prints, and what it leaves to the library."""

import csv
import errno
import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tellapart import __version__
from tellapart.cli.app import app
from tellapart.cli.options import given, image_size, pairs
from tellapart.errors import ModelFileError, RecipeError
from tellapart.evaluation import Predictions
from tellapart.nets import nets
from tellapart.run import Run

VERBS = {
    "train": "Train a classifier",
    "inspect": "Audit labelled pictures",
    "evaluate": "Show how good a run is",
    "predict": "Classify pictures",
    "report": "Write the one-file report",
    "summary": "Show a network's layers",
    "nets": "List the networks",
}


def parameters():
    """Return the options and arguments of each verb, as Typer has them."""
    from typer.main import get_command

    group = get_command(app)
    return {name: verb.params for name, verb in group.commands.items()}


def test_the_verbs_of_the_main_job_are_there():
    assert set(parameters()) >= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_says_what_a_verb_does_and_names_every_option(verb, call):
    called = call(verb, "--help", columns=160)
    assert called.status == 0
    assert VERBS[verb] in called.out
    for parameter in parameters()[verb]:
        for flag in parameter.opts:
            if flag.startswith("--"):
                assert flag in called.out


@pytest.mark.parametrize("verb", parameters())
def test_help_shows_what_stands_in_square_brackets(verb, call):
    shown = "".join(called_out for called_out in call(verb, "--help", columns=400).out if not called_out.isspace())
    for parameter in parameters()[verb]:
        for default in re.findall(r"\[.*?\]", parameter.help or ""):
            assert "".join(default.split()) in shown, (parameter.opts, default)


def test_every_option_is_documented():
    for verb, found in parameters().items():
        for parameter in found:
            assert parameter.help, (verb, parameter.opts)


def test_the_program_alone_shows_its_help_and_its_version(call):
    assert "Tell your pictures apart" in call().out
    assert call("--help").status == 0
    assert call("-h").status == 0
    assert call("--version").out == f"tellapart {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], "No such command 'trian'. Did you mean 'train'?"),
        (["predict"], "Missing argument 'run'"),
        (["summary", "softmax", "--classes", "0"], "must be greater than or equal to 1, got '0'"),
        (["summary", "softmax", "--classes", "3", "--classes=x"], "must be a whole number, got 'x'"),
        (["train"], "say which pictures"),
        (["train", ""], "say which pictures"),
        (["summary", "convnt16"], "did you mean 'convnet16'"),
        (["summary", "lenet5", "--image-size", "4x4"], "at least 28x28"),
        (["evaluate", "nowhere"], "there is no run at 'nowhere'"),
        (["report", "nowhere"], "there is no run at 'nowhere'"),
        (["predict", "nowhere", "a.png"], "there is no model file"),
    ],
)
def test_misuse_is_one_line_and_status_2(arguments, words, call):
    called = call(*arguments)
    assert called.status == 2
    assert called.out == ""
    assert called.err.count("\n") == 1
    assert called.err.startswith("error: ")
    assert words in called.err


def test_debug_shows_the_trace_wherever_it_stands(call):
    from tellapart.errors import UnknownNameError

    for arguments in (["--debug", "summary", "convnt16"], ["summary", "convnt16", "--debug"]):
        with pytest.raises(UnknownNameError):
            call(*arguments)


def test_a_fault_of_ours_is_status_1_and_says_so(call, monkeypatch):
    import tellapart.nets

    monkeypatch.setattr(tellapart.nets, "summarize", lambda *args, **options: 1 / 0)
    called = call("summary", "softmax")
    assert called.status == 1
    assert (
        called.err
        == "error: ZeroDivisionError: division by zero (this is a fault of tellapart: --debug shows the trace)\n"
    )


def test_summary_of_the_course_s_network(call):
    called = call("summary", "convnet16", "--image-size", "80x60", "--grayscale", "--classes", "55")
    assert "88,375" in called.out
    record = json.loads(
        call("summary", "convnet16", "--image-size", "80x60", "--grayscale", "--classes", "55", "--json").out
    )
    assert 88375 in record.values()
    assert "264,055" in call("summary", "softmax", "--image-size", "80x60", "--grayscale", "--classes", "55").out


def test_nets_lists_all_of_them(call):
    from tellapart.nets import nets

    called = call("nets", columns=160)
    for name in nets.names():
        assert name in called.out
    rows = {line.split()[0]: line for line in called.out.splitlines() if line.split()}
    assert "% here" in rows["efficientnet_lite0"]
    assert "69.8%" in rows["resnet18"]
    assert "% here" not in rows["resnet18"]
    assert "%" not in rows["lenet5"]


def test_a_plugin_s_net_is_a_net(call, tmp_path):
    (tmp_path / "own.py").write_text("import tellapart.nets\nprint('loaded')\n", encoding="utf-8")
    called = call("--plugin", tmp_path / "own.py", "nets")
    assert called.status == 0
    assert called.out.startswith("loaded")


def test_inspect_prints_a_table_or_json(call, good):
    called = call("inspect", good)
    assert "28 pictures, 2 classes" in called.out
    record = json.loads(call("inspect", good, "--json").out)
    assert (record["pictures"], record["class_names"], record["counts"]["all"]) == (28, ["a", "b"], {"a": 14, "b": 14})
    assert (record["leaks"]["total"], record["unreadable"]["total"]) == (0, 0)


def test_inspect_prints_no_name_that_commands_a_terminal(call, good, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(good / name, tmp_path / "photos" / name)
    shutil.copy(good / "a" / "0.png", tmp_path / "photos" / "b" / "\x1b[2J.png")
    called = call("inspect", tmp_path / "photos")
    assert "\x1b" not in called.out
    assert "    a/0.png = b/\\x1b[2J.png\n" in called.out


def test_predict_in_words_as_json_and_as_a_table(call, good, trained):
    one = good / "a" / "0.png"
    words = call("predict", trained, one)
    assert re.fullmatch(rf"{re.escape(str(one))}: [ab] [\d.]+%, [ab] [\d.]+%\n", words.out)
    record = json.loads(call("predict", trained, one, "--json").out)
    assert record["file"] == str(one)
    assert sum(record["ranking"].values()) == pytest.approx(1, abs=1e-5)
    assert record["ranking"][record["name"]] == record["probability"] == max(record["ranking"].values())
    table = list(csv.DictReader(io.StringIO(call("predict", trained, good, "--csv").out)))
    assert len(table) == 28
    assert np.mean([row["name"] == row["file"].split("/")[-2] for row in table]) > 0.8
    assert call("predict", trained, "-", stdin=one.read_bytes()).out.startswith("-: ")
    assert call("predict", trained, one, "--top", "1").out.count("%") == 1
    assert call("predict", trained, one, "--json", "--csv").status == 2


def test_predict_takes_a_model_file_alone(call, good, trained):
    alone, run = (call("predict", model, good / "b" / "0.png") for model in (trained / "model.safetensors", trained))
    assert (alone.status, alone.out) == (0, run.out)


def test_evaluate_shows_the_run_s_figures(call, trained, tmp_path):
    assert "accuracy" in call("evaluate", trained).out
    record = json.loads(call("evaluate", trained, "--json").out)
    stored = json.loads((trained / "evaluation.json").read_text(encoding="utf-8"))
    assert record == {"split": "test", **stored["splits"]["test"]}
    run = shutil.copytree(trained, tmp_path / "run")
    said = Predictions.load(run / "predictions" / "test.npz")
    labels = 1 - said.predicted()
    labels[0] = said.predicted()[0]  # right, as no other
    Predictions(said.ids, said.logits, labels, said.class_names).save(run / "predictions" / "test.npz")
    assert call("evaluate", run, "--mistakes", tmp_path / "wrong.csv").status == 0
    with (tmp_path / "wrong.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert rows.keys() == set(said.ids.tolist()[1:])
    confidence = said.confidence(stored["temperature"])
    for number, one in enumerate(said.ids.tolist()[1:], start=1):
        names = [said.class_names[kind] for kind in (labels[number], 1 - labels[number])]
        assert [rows[one]["true"], rows[one]["predicted"]] == names
        assert float(rows[one]["confidence"]) == pytest.approx(confidence[number], abs=1e-4)
    called = call("evaluate", trained, "--mistakes", tmp_path)
    assert (called.status, called.out) == (2, ""), "before anything else is done"
    assert "it is a folder" in called.err


def test_json_is_all_that_is_printed_where_it_is_asked_for(call, trained):
    called = call("evaluate", trained, "--json", "--classes-below", "50%")
    assert json.loads(called.out)
    assert "classes below 50%" in called.err


def test_only_a_test_part_can_be_inspected(call, good, tmp_path):
    shutil.copytree(good, tmp_path / "set" / "test")
    record = json.loads(call("inspect", tmp_path / "set", "--json").out)
    assert sum(record["counts"]["test"].values()) == 28
    assert sum(record["counts"]["train"].values()) == 0


def test_what_an_unpacked_archive_leaves_beside_pictures_is_not_predicted(call, good, trained, tmp_path):
    (tmp_path / "new" / "__MACOSX").mkdir(parents=True)
    (tmp_path / "new" / "__MACOSX" / "._0.png").write_bytes(b"\0\5\x16\7")
    shutil.copy(good / "a" / "0.png", tmp_path / "new")
    called = call("predict", trained, tmp_path / "new")
    assert (called.status, called.out.count("\n")) == (0, 1)


def test_report_prints_its_path_and_opens_it(call, trained, monkeypatch):
    import webbrowser

    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    assert call("report", trained).out.strip() == str(trained / "report.html")
    called = call("report", trained, "--open")
    assert (called.status, called.err) == (0, "")
    assert opened == [(trained / "report.html").resolve().as_uri()]


def test_a_resumed_run_that_is_done_says_so(call, trained):
    called = call("train", "--resume", trained)
    assert called.status == 0
    assert "is done already" in called.err
    assert "accuracy" in called.out


def test_a_path_with_brackets_is_printed_as_it_is(call, trained, tmp_path):
    run = tmp_path / "a [bold] run"
    shutil.copytree(trained, run)
    called = call("train", "--resume", run)
    assert f"report  {run / 'report.html'}\n" in called.out
    beside = shutil.copytree(run, tmp_path / "b [/] run")
    called = call("compare", run, beside)
    assert called.status == 0
    assert all(called.out.count(path.name) >= 2 for path in (run, beside)), "both tables and the sentence"


def test_a_network_and_a_baseline_of_its_name_have_a_column_each(call, good, tmp_path):
    options = ("--net", "softmax", "--image-size", "8x8", "--epochs", "1", "--threads", "1")
    called = call("train", good, *options, "--out", tmp_path / "run", columns=120)
    assert re.search(r"softmax +baseline softmax +majority class", called.out)
    assert "is worse than" not in called.out, "two of the same"


def test_a_network_that_is_surely_worse_than_a_baseline_is_said_to_be(call, tmp_path):
    stuck = ("train", "digits", "--net", "lenet5", "--epochs", "1", "--learning-rate", "1e-12", "--image-size", "28x28")
    said = call(*stuck, "--out", tmp_path / "stuck").out
    assert "lenet5 is worse than softmax: more time or epochs may help" in said


def test_a_report_keeps_what_it_was_asked_to_mark(call, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    assert call("report", run, "--classes-below", "99.6%").status == 0
    assert call("report", run).status == 0
    assert Run.open(run).load("page") == {"classes_below": 0.996}
    called = call("report", run, "--about", "nowhere")
    assert called.status == 2
    assert "about must be one of the external sets" in called.err


@pytest.mark.parametrize("columns", [40, 80])
def test_a_narrow_terminal_loses_no_figure(columns, call, trained):
    called = call("train", "--resume", trained, columns=columns)
    assert called.status == 0
    assert "50.0%" in called.out


@pytest.mark.parametrize("text", ["80x", "x80", "abc", "", "1x2x3", "-8x8", "²x8", "8.5x8"])
def test_image_sizes_that_are_none(text):
    with pytest.raises(RecipeError, match="HEIGHTxWIDTH"):
        image_size(text)


def test_values_of_options():
    assert image_size("80X60") == image_size("80×60") == (80, 60)
    assert pairs(["a-b=1", "c=true", "d=x=y"], "--net-option") == {"a_b": 1, "c": True, "d": "x=y"}
    assert given(a=None, b=0, c="") == {"b": 0, "c": ""}


def test_start_up_loads_nothing_heavy():
    code = (
        "import sys, tellapart.cli; print([n for n in ('torch', 'sklearn', 'matplotlib', 'scipy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("verb", ["compare {run} {run}", "evaluate {run} --abstain-at 10%", "report {run}"])
def test_verbs_that_read_results_alone_load_no_torch(trained, tmp_path, verb):
    run = shutil.copytree(trained, tmp_path / "run")
    typed = ["tellapart", *verb.format(run=run).split()]
    code = f"import sys; sys.argv = {typed}; from tellapart.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", f"import atexit, sys; atexit.register(lambda: print('torch' in sys.modules)); {code}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"


def test_a_pipe_that_closes_and_a_terminal_without_our_letters(good, trained):
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        "from tellapart.cli import main; main()",
        "predict",
        trained,
        good / "a",
    ]
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "TERM": "dumb", "COLUMNS": "40"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert (errors, process.returncode) == (b"", 0)


def test_options_without_a_verb_do_not_end_in_silence(call):
    called = call("--offline")
    assert called.status == 2
    assert "say what to do, such as tellapart train photos/" in called.err


def test_a_threshold_is_not_chosen_by_one_rule_and_used_by_another(call, trained):
    called = call("evaluate", trained, "elsewhere", "--only-present", "--abstain-at", "1%")
    assert called.status == 2
    assert "--abstain-at contradicts --only-present" in called.err


def test_a_file_s_own_name_stands_in_an_error(call, tmp_path):
    assert "'my  cat.jpg'" in call("inspect", "my  cat.jpg").err


@pytest.mark.parametrize("before", [True, False])
def test_offline_forbids_downloads_wherever_it_stands_and_before_anything_is_read(good, call, tmp_path, before):
    verb = ("train", good, "--net", "resnet18", "--out", tmp_path / "run")
    called = call(*(("--offline", *verb) if before else (*verb, "--offline")), cache=tmp_path / "cache")
    assert called.status == 2
    assert "offline forbids to fetch them: put https://" in called.err
    assert "reading pictures" not in called.err
    assert not (tmp_path / "run").exists()


def test_the_environment_may_forbid_downloads(monkeypatch, tmp_path):
    from tellapart.nets.weights import find_weights

    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
    with pytest.raises(ModelFileError, match="offline forbids"):
        find_weights("resnet18")
    assert find_weights("efficientnet_lite0").is_file()


def test_what_was_taken_out_of_a_run_that_is_done_is_made_again(call, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    before = json.loads((run / "evaluation.json").read_text(encoding="utf-8"))
    (run / "evaluation.json").unlink()
    called = call("train", "--resume", run)
    assert called.status == 0, called.err
    assert json.loads((run / "evaluation.json").read_text(encoding="utf-8"))["splits"] == before["splits"]


def test_a_list_of_labels_does_not_replace_the_one_that_the_run_was_trained_with(call, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "labels.csv").write_text("id,label\n", encoding="utf-8")
    called = call("evaluate", run, "--label-errors", run / "labels.csv")
    assert (called.status, called.out) == (2, "")
    assert "is the list that the run was trained with: name another" in called.err


def test_a_plugin_s_summary_is_printed_as_it_is(call, tmp_path):
    file = tmp_path / "odd.py"
    file.write_text(
        "from tellapart.nets import net\n"
        "@net('odd-of-a-test', summary='two convolutions [/2] [as taught]', made_for=(8, 8, 1))\n"
        "def odd(*, outputs, channels, image_size):\n"
        "    raise NotImplementedError\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nets, "_things", dict(nets._things))
        called = call("--plugin", file, "nets")
    assert called.status == 0, called.err
    assert "[as taught]" in called.out


def test_a_full_disk_outside_of_our_own_writing_is_one_line(call, monkeypatch):
    def full(*what, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tellapart.nets.summarize", full)
    called = call("summary", "softmax")
    assert (called.status, called.errors) == (2, ["error: the disk is full while something was written: make room"])
