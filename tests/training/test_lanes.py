"""Lanes: what a network sees, by several threads, and the world as it was behind them."""

import os
import sys
import threading

import numpy as np
import pytest
import torch

from tellapart.errors import OutOfMemoryError
from tellapart.images.preprocessing import Preprocessing
from tellapart.nets import build_net
from tellapart.nets.inputs import to_input
from tellapart.training.lanes import NICE, Lanes

SPEC = Preprocessing(image_size=(16, 16), channels=1, mean=(0.3,), std=(0.35,))


def test_a_picture_has_the_same_features_in_any_company(digits):
    net = build_net("efficientnet_lite0", outputs=2, channels=1, image_size=(32, 32)).eval()
    pixels, rng = np.kron(digits[0][:40], np.ones((1, 2, 2, 1), np.uint8)), np.random.default_rng(0)
    found = []
    with Lanes(net, SPEC.model_copy(update={"image_size": (32, 32)}), threads=2) as lanes:
        for order in (np.arange(40), rng.permutation(40)):
            for size in (8, 5):
                parts = [order[start : start + size] for start in range(0, 40, size)]
                rows = np.empty((40, 1280), np.float32)
                for part in parts:
                    rows[part] = lanes.look(pixels, part).result()
                found.append(rows)
    assert all((each == found[0]).all() for each in found)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 8, 61])
def test_lanes_see_what_the_network_sees_in_the_order_of_the_rows(make_net, digits, threads, count):
    net, pixels = make_net("convnet16").eval(), digits[0]
    rows = np.random.default_rng(0).permutation(len(pixels))[:count]
    with Lanes(net, SPEC, threads=threads) as lanes:
        found = np.concatenate(list(lanes.over(pixels, rows)))
    with torch.inference_mode():
        expected = net.embed(to_input(torch.from_numpy(pixels[rows]), SPEC)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_number_of_lanes_changes_no_bit(make_net, digits):
    net, pixels = make_net("compact", width=8).eval(), digits[0][:50]
    found = []
    for threads in (1, 2):
        with Lanes(net, SPEC, threads=threads) as lanes:
            found.append(np.concatenate(list(lanes.over(pixels, np.arange(50)))))
    assert (found[0] == found[1]).all()


def test_the_threads_end_and_torchs_number_of_them_is_as_before(make_net, digits):
    before, running = torch.get_num_threads(), threading.active_count()
    torch.set_num_threads(2)
    try:
        with Lanes(make_net().eval(), SPEC, threads=2) as lanes:
            next(lanes.over(digits[0], np.arange(40)))
        assert (threading.active_count(), torch.get_num_threads()) == (running, 2)
        seen = []
        other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        other.start()
        other.join()
        assert seen == [2], "a later thread has as many as the first"
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_lanes_behind_all_else_have_the_least_priority_and_leave_ours(make_net, digits):
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with Lanes(make_net().eval(), SPEC, threads=2, behind=True) as lanes:
        list(lanes.over(digits[0], np.arange(40)))
        found = [one.native_id for one in threading.enumerate() if one.name.startswith("lane")]
        assert found
        assert {os.getpriority(os.PRIO_PROCESS, one) for one in found} <= {before, min(19, before + NICE)}
        assert min(19, before + NICE) in {os.getpriority(os.PRIO_PROCESS, one) for one in found}
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


@pytest.mark.parametrize("threads", range(1, 65))
def test_nearly_all_processors_are_used_by_at_most_eight_lanes(make_net, threads):
    lanes = Lanes(make_net(), SPEC, threads=threads)
    assert 1 <= lanes._count <= 8
    assert 0.85 * threads <= lanes._count * lanes._threads <= threads


def test_what_fails_in_a_lane_is_raised_where_its_answer_is_asked_for(make_net, digits):
    with Lanes(make_net().eval(), SPEC, threads=2) as lanes, pytest.raises(IndexError):
        list(lanes.over(digits[0], np.array([10**6])))


@pytest.mark.parametrize(("side", "batch"), [(8, 8), (448, 8), (1024, 2), (2048, 1)])
def test_of_large_pictures_fewer_are_looked_at_together(make_net, side, batch):
    assert Lanes(make_net(), Preprocessing(image_size=(side, side), channels=1)).batch == batch


def test_memory_that_does_not_suffice_is_advice(make_net, digits, monkeypatch):
    def refuse(*what):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(Lanes, "_look", refuse)
    with (
        Lanes(make_net().eval(), SPEC, threads=2) as lanes,
        pytest.raises(OutOfMemoryError, match="for a look at 8 pictures of 16x16: try a smaller --image-size"),
    ):
        list(lanes.over(digits[0], np.arange(3)))
