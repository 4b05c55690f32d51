"""The count of changed labels, by hand, and one search on a few pictures."""

import json

import numpy as np
import pytest
from benchmarks.label_errors import tellapart_peer
from benchmarks.label_errors.tellapart_peer import changed_labels, figures_of


def test_so_many_labels_change_each_to_another_class():
    labels = np.arange(1000) % 7
    changed = changed_labels(labels, share=0.03, classes=7, seed=1)
    assert (changed != labels).sum() == 30
    assert set(changed.tolist()) <= set(range(7))
    np.testing.assert_array_equal(changed, changed_labels(labels, share=0.03, classes=7, seed=1))


def test_figures_by_hand():
    truth = {"a": ("x", "y"), "b": ("x", "y"), "c": ("x", "x"), "d": ("y", "y"), "e": ("y", "x")}
    listed = [
        {"id": id, "suggested": suggested, "ruled_out": ruled_out}
        for id, suggested, ruled_out in [("b", "x", "yes"), ("c", "y", "yes"), ("d", "x", "no"), ("a", "y", "no")]
    ]
    assert figures_of(listed, truth) == {
        "changed": 3, "found_twice": pytest.approx(2 / 3), "found_once": pytest.approx(1 / 3), "suggested_right": 0.5,
        "clear": 2, "clear_right": 0.5,
    }  # fmt: skip


def test_a_search_on_a_few_digits(tmp_path, capsys):
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = (digits.images * 255 / 16).astype(np.uint8)
    np.savez(tmp_path / "digits.npz", x_train=pixels[:500], y_train=digits.target[:500], x_test=pixels[500:520],
             y_test=digits.target[500:520])  # fmt: skip
    tellapart_peer.main([str(tmp_path / "digits.npz"), "--pictures", "400", "--epochs", "1"])
    figures = json.loads(capsys.readouterr().out.strip().splitlines()[-1])["figures"]
    assert figures["changed"] == 12
    assert figures["found_twice"] >= 0.75
