"""The audit as a whole: findings, leaks, their removal, and what is written down."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tellapart.images.arrays import ArrayImages
from tellapart.images.audit import audit, distributions, drop_leaks, guess_kind
from tellapart.images.audit.distributions import modes
from tellapart.images.audit.leaks import find_leaks
from tellapart.images.audit.near import Repeats
from tellapart.images.dataset import Dataset, Splits
from tellapart.images.facts import FACTS, facts_of
from tellapart.images.sources import open_dataset
from tellapart.report.audit_view import read_audit


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))


def noise(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 12, 12), dtype=np.uint8)


def dataset(pixels, labels, classes=("x", "y"), **more):
    return Dataset([f"p{i}" for i in range(len(pixels))], ArrayImages(pixels), labels, class_names=classes, **more)


def codes(found):
    return [finding.code for finding in found.findings]


def test_clean_pictures_leak_nothing():
    data = dataset(noise(60), [0, 1] * 30)
    found = audit(data, splits=Splits(train=range(40), validation=range(40, 50), test=range(50, 60)))
    assert found.leaks == ()
    assert found.findings == ()
    assert found.leak_sentence() == ""
    assert found.counts["test"] == {"x": 5, "y": 5}


def test_what_the_source_left_out_is_a_finding():
    found = audit(dataset(noise(60), [0, 1] * 30, notes=("1 folder holds no pictures: c",)))
    assert [(finding.code, finding.sentence) for finding in found.findings] == [
        ("source", "1 folder holds no pictures: c")
    ]


@pytest.mark.parametrize(("brightest", "scaled"), [((200, 250), False), ((250, 260), True)])
def test_files_that_are_each_scaled_by_what_occurs_in_them(tmp_path, brightest, scaled):
    for name, most in zip(("x", "y"), brightest, strict=True):
        (tmp_path / name).mkdir()
        for i, pixels in enumerate(np.random.default_rng(most).integers(0, most, (20, 12, 12))):
            pixels[0, 0] = most
            Image.fromarray(pixels.astype(np.float32)).save(tmp_path / name / f"{i}.tif")
    found = codes(audit(open_dataset(tmp_path)))
    assert ("scaling" in found) == scaled
    assert "decoding" in found


def test_leaks_name_both_sides_and_test_stays_whole():
    pixels = noise(60)
    pixels[1] = pixels[55]  # train and test
    pixels[41] = pixels[56]  # validation and test
    pixels[2] = pixels[42]  # train and validation
    pixels[3] = pixels[4]  # both train: no leak
    pixels[43] = pixels[5] = pixels[57]  # all three
    splits = Splits(train=range(40), validation=range(40, 50), test=range(50, 60))
    found = audit(dataset(pixels, [0, 1] * 30), splits=splits)
    assert {(leak.drop, leak.keep, leak.splits) for leak in found.leaks} == {
        (1, 55, ("train", "test")),
        (41, 56, ("validation", "test")),
        (2, 42, ("train", "validation")),
        (5, 57, ("train", "test")),
        (43, 57, ("validation", "test")),
    }
    left = drop_leaks(splits, found)
    assert left.test.tolist() == splits.test.tolist()
    assert sorted(set(splits.validation) - set(left.validation)) == [41, 43]
    assert sorted(set(splits.train) - set(left.train)) == [1, 2, 5]
    assert left.notes[-1] == "dropped what also stands in a later split: 3 of train, 2 of validation"
    assert audit(dataset(pixels, [0, 1] * 30), splits=left).leaks == ()


def test_the_worst_comes_first_and_each_code_is_there():
    pixels = noise(130)
    pixels[0] = pixels[125]
    pixels[7] = 9
    labels = np.array([0] * 125 + [1] * 5)
    splits = Splits(train=range(100), validation=range(100, 120), test=range(120, 130))
    found = audit(dataset(pixels, labels, classes=("x", "y", "z")), splits=splits)
    assert codes(found)[0] == "leak"
    assert {"two-labels", "constant", "empty-class", "imbalance", "tiny-class", "one-split-only"} <= set(codes(found))
    assert found.finding("imbalance").sentence == "the classes are uneven, 25 to 1: 'x' has 125 pictures, 'y' has 5"
    assert found.finding("constant").ids == (("p7",),)
    assert found.finding("one-split-only").sentence == "classes with pictures in test alone: 'y'"
    assert found.finding("two-labels").groups == ((0, 125),)


def test_groups_on_two_sides_are_said():
    data = dataset(noise(60), [0, 1] * 30, groups=["a"] * 41 + ["b"] * 19)
    found = audit(data, splits=Splits(train=range(40), validation=range(40, 60), test=[]))
    assert found.finding("group-across-splits").sentence.startswith("groups stand in two splits: 1 in train and valid")


def test_modes_are_counted_over_blocks_of_rows(monkeypatch):
    monkeypatch.setattr(distributions, "BLOCK", 2)
    facts = np.zeros(7, dtype=FACTS)
    facts["mode"] = [b"RGB", b"L", b"L", b"P", b"RGB", b"1", b"L"]
    facts["readable"] = [True, True, True, True, True, False, True]
    assert list(modes(facts).items()) == [("L", 3), ("RGB", 2), ("P", 1)]


def test_json_holds_ids_and_says_the_total_of_long_lists():
    pixels = noise(300)
    pixels[150:] = pixels[:150]
    splits = Splits(train=range(150), validation=[], test=range(150, 300))
    document = json.loads(json.dumps(audit(dataset(pixels, [0, 1] * 150), splits=splits).to_dict()))
    assert document["leaks"]["total"] == 150
    assert len(document["leaks"]["shown"]) == 100
    assert document["leaks"]["shown"][0]["ids"] == ["p0", "p150"]
    assert document["findings"][0]["total"] == 150
    assert len(document["findings"][0]["ids"]) == 100
    assert sum(document["distributions"]["brightness"]["counts"]) == 300


def test_json_says_how_many_belong_together_where_not_all_are_listed():
    pixels = noise(130)
    pixels[:120] = pixels[0]
    document = json.loads(json.dumps(audit(dataset(pixels, [0, 1] * 65)).to_dict()))
    finding = next(one for one in document["findings"] if len(one["ids"][0]) > 1)
    assert (len(finding["ids"][0]), finding["sizes"]) == (100, [120])
    shown = next(one for one in read_audit(document).findings if one.code == finding["code"]).groups[0]
    assert len(shown.ids) + shown.more == 120


def test_text_and_page():
    found = audit(dataset(noise(40), [0, 1] * 20, classes=("<b>", "龙")))
    assert "40 pictures, 2 classes" in str(found)
    assert "&lt;b&gt;" in found._repr_html_()
    assert repr(found) == "Audit('pictures': 40 pictures, 0 leaks, 0 findings)"


def test_text_names_pictures_whose_ids_are_numbers():
    pixels = noise(40)
    pixels[[1, 2, 12, *range(20, 29)]] = np.arange(100, 112, dtype=np.uint8)[:, None, None]
    data = Dataset([str(i) for i in range(40)], ArrayImages(pixels), [0, 1] * 20, class_names=("x", "y"))
    assert "12 pictures show one tone and nothing else\n    1\n    2\n    12\n    and 9 more" in str(audit(data))


def facts(pictures):
    images = [ArrayImages(np.ascontiguousarray(picture)[None]) for picture in pictures]
    return np.array([facts_of(image.load(0)) for image in images], dtype=FACTS)


def test_kind_of_digits_and_photographs():
    from skimage import data
    from sklearn.datasets import load_digits

    digits = np.round(load_digits().images[:200] * 255 / 16).astype(np.uint8)
    assert guess_kind(facts(digits)).name == "writing"
    cat = data.chelsea()
    crops = [cat[y : y + 120, x : x + 120] for y in range(0, 180, 20) for x in range(0, 300, 40)]
    assert guess_kind(facts(crops)).name == "photographs"
    assert guess_kind(facts([*crops[:40], *digits[:40]])).name == "mixed"


def test_import_is_light():
    program = "import sys, tellapart.images.audit, tellapart.images.split; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "scipy", "sklearn", "skimage"} & set(loaded)


def test_leaks_of_many_families_are_those_of_a_loop():
    rng = np.random.default_rng(4)
    n = 300
    exact = np.array([int(rng.integers(0, i + 1)) if rng.random() < 0.3 else i for i in range(n)])
    exact = exact[exact]
    exact = exact[exact]
    while (exact[exact] != exact).any():
        exact = exact[exact]
    data = dataset(np.zeros((n, 4, 4), np.uint8), rng.integers(0, 2, n))
    parts = np.array_split(rng.permutation(n)[:250], 3)
    splits = Splits(*parts)
    leaks = find_leaks(data, Repeats(exact, np.zeros((0, 2), np.int64), exact), splits)
    rank = {int(p): number for number, part in enumerate(parts) for p in part}
    expected = set()
    for position, own in rank.items():
        family = [p for p in rank if exact[p] == exact[position]]
        latest = max(rank[p] for p in family)
        if own < latest:
            expected.add((position, min(p for p in family if rank[p] == latest)))
    assert {(leak.drop, leak.keep) for leak in leaks} == expected
    assert sum(leaks.between().values()) == len(leaks) == len(expected)
    assert all(leak.kind == "exact" for leak in leaks[:5])


def test_classes_that_differ_in_case_or_spaces_alone_are_said_but_letters_are_classes():
    found = audit(dataset(noise(80), [0, 1, 2, 3] * 20, classes=("Red Cat", "redcat", "A", "a")))
    assert [(one.code, one.severity, one.sentence) for one in found.findings] == [
        ("twin-classes", "warning", "classes whose names differ in case or spaces alone: 'Red Cat', 'redcat'")
    ]


def test_a_split_of_one_group_or_two_is_said():
    groups = ["a"] * 20 + ["b"] * 20 + ["c"] * 10 + ["d"] * 10
    splits = Splits(train=range(20), validation=range(20, 40), test=range(40, 60))
    found = audit(dataset(noise(60), [0, 1] * 30, groups=groups), splits=splits)
    said = "validation has 1 group and test has 2 groups of 4: that tells little of pictures of other groups"
    assert (found.finding("few-groups").severity, found.finding("few-groups").sentence) == ("warning", said)
    alone = [str(position) for position in range(60)]
    assert "few-groups" not in codes(audit(dataset(noise(60), [0, 1] * 30, groups=alone), splits=splits))


def test_what_loses_much_of_a_file_is_a_warning(tmp_path):
    for name, kind in (("a", "pages"), ("b", "plain")):
        (tmp_path / name).mkdir()
        one = Image.fromarray(noise(2)[0])
        more = {"save_all": True, "append_images": [Image.fromarray(noise(2, 1)[1])]} if kind == "pages" else {}
        one.save(tmp_path / name / "0.tif", **more)
        Image.fromarray(noise(2, 2)[0]).save(tmp_path / name / "1.tif")
    found = audit(open_dataset(tmp_path)).finding("decoding")
    assert (found.severity, found.sentence) == ("warning", "first of 2 pages: 1 picture")
