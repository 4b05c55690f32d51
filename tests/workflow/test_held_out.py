"""Which held-out pictures belong together: intervals take account of it."""

from types import SimpleNamespace

import numpy as np

from tellapart.images.arrays import ArrayImages
from tellapart.images.dataset import Dataset
from tellapart.workflow.copies import groups_at
from tellapart.workflow.held_out import predict_splits


def prepared(family, *, groups=None):
    images = ArrayImages(np.zeros((40, 2, 2), dtype=np.uint8))
    dataset = Dataset(np.arange(40).astype(str), images, [0, 1] * 20, class_names=("x", "y"), groups=groups)
    audit = SimpleNamespace(repeats=SimpleNamespace(family=np.asarray(family)))
    return SimpleNamespace(
        dataset=dataset, audit=audit, splits={"test": np.arange(20), "validation": np.arange(20, 40)}
    )


def test_copies_count_as_groups_where_there_are_more_than_a_few():
    family = np.arange(40)
    family[:4] = 0  # in the test, four copies of one picture: three of twenty are others' copies
    family[21] = 20  # in validation one, a twentieth
    several = prepared(family)
    found = predict_splits(several, ("validation", "test"), lambda at: np.zeros((len(at), 2), dtype=np.float32))
    assert found["test"].group_count == 17
    assert len(set(found["test"].groups[:4].tolist())) == 1
    assert found["validation"].groups is None
    assert groups_at(prepared(np.arange(40)).dataset, np.arange(20), family=np.arange(40)) is None


def test_groups_and_copies_are_joined():
    family = np.arange(40)
    family[[0, 10]] = 0  # a picture of the first writer is a copy of one of the second
    family[[1, 2]] = 1
    writers = [f"writer {n // 10}" for n in range(40)]
    dataset = prepared(family, groups=writers).dataset
    found = groups_at(dataset, np.arange(20), family=family)
    assert len(set(found.tolist())) == 1
    alone = groups_at(dataset, np.arange(20), family=np.arange(40))
    assert sorted(set(alone.tolist())) == ["writer 0", "writer 1"]
