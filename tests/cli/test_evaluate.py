"""evaluate: what it prints commands no terminal, and what it writes replaces nothing else."""

import json
import shutil


def test_a_table_of_mistakes_replaces_no_other_file(call, trained, tmp_path):
    target = tmp_path / "labels.csv"
    target.write_text("path,label\na/0.png,a\n", encoding="utf-8")
    called = call("evaluate", trained, "--mistakes", target)
    assert (called.status, called.out) == (2, "")
    assert "is no table that this command has written, which would begin with 'id,true,predicted," in called.err
    assert target.read_text(encoding="utf-8") == "path,label\na/0.png,a\n"
    target.write_bytes(b"")
    for _ in range(2):  # over an empty file, and over its own
        assert call("evaluate", trained, "--mistakes", target).status == 0
        assert target.read_bytes().startswith(b"id,true,predicted,")


def test_a_class_s_name_commands_no_terminal(call, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    document = json.loads((run / "evaluation.json").read_text(encoding="utf-8"))
    document["splits"]["test"]["notes"].append("never predicted: “\x1b[2J”")
    (run / "evaluation.json").write_text(json.dumps(document), encoding="utf-8")
    called = call("evaluate", run)
    assert "\x1b" not in called.out
    assert "never predicted: “\\x1b[2J”\n" in called.out
    assert len(called.out.splitlines()) > 5
