import json

from benchmarks.harness.process import Measured
from benchmarks.layers import __main__ as question
from benchmarks.layers.peer import operations, peaks, stepper
from benchmarks.layers.work import BACKWARD, FORWARD, POOL, POOL_BACKWARD, Operation, moved_bytes, multiplications


def test_multiply_adds_by_hand():
    kernel, pictures, out = (16, 8, 3, 3), (4, 8, 10, 12), (4, 16, 8, 10)
    one = 4 * 16 * 8 * 10 * 8 * 9
    maps = {(pictures, kernel): out}
    assert multiplications(Operation(FORWARD, (pictures, kernel, (16,)), 1.0), maps=maps, first=()) == one
    assert multiplications(Operation(BACKWARD, (out, pictures, kernel), 1.0), maps=maps, first=()) == 2 * one
    assert multiplications(Operation(BACKWARD, (out, pictures, kernel), 1.0), maps=maps, first=kernel) == one
    assert multiplications(Operation("aten::mm", ((3, 5), (5, 7)), 1.0), maps={}, first=()) == 105
    assert multiplications(Operation("aten::mm", ((3, 5), (5, 7)), 1.0, 2), maps={}, first=()) == 210
    assert multiplications(Operation("aten::addmm", ((7,), (3, 5), (5, 7)), 1.0), maps={}, first=()) == 105
    assert multiplications(Operation("aten::relu", ((3, 5),), 1.0), maps={}, first=()) == 0


def test_bytes_by_hand():
    kernel, pictures, out = (16, 8, 3, 3), (4, 8, 10, 12), (4, 16, 8, 10)
    conv = Operation(FORWARD, (pictures, kernel, (16,)), 1.0)
    assert moved_bytes(conv, maps={(pictures, kernel): out}) == 4 * (3840 + 1152 + 16 + 5120)
    assert moved_bytes(Operation("aten::mm", ((3, 5), (5, 7)), 1.0), maps={}) == 4 * (15 + 35 + 21)
    assert moved_bytes(Operation("aten::addmm", ((7,), (3, 5), (5, 7)), 1.0), maps={}) == 4 * (7 + 15 + 35 + 21)
    pooled = {(out,): (4, 16, 4, 5)}
    assert moved_bytes(Operation(POOL, (out, ()), 1.0), maps=pooled) == 4 * 5120 + 4 * 1280 + 1280
    back = Operation(POOL_BACKWARD, ((4, 16, 4, 5), (4, 16, 4, 5), out, ()), 1.0)
    assert moved_bytes(back, maps=pooled) == 4 * 5120 + 4 * 1280 + 1280
    placed = Operation("aten::max_pool2d_with_indices", (out, ()), 1.0)
    assert moved_bytes(placed, maps={}, item=2) == 2 * 5120 + (2 + 8) * 1280
    back = Operation("aten::max_pool2d_with_indices_backward", ((4, 16, 4, 5), out, (4, 16, 4, 5)), 1.0)
    assert moved_bytes(back, maps={}, item=2) == 2 * 5120 + (2 + 8) * 1280
    assert moved_bytes(Operation("aten::threshold_backward", ((3, 5), (3, 5)), 1.0), maps={}) == 4 * 45


def test_a_step_s_operations_do_the_network_s_arithmetic():
    step, kernel = stepper("convnet16", batch=2)
    found = operations(step, steps=2)
    maps = {(one.shapes[1], one.shapes[2]): one.shapes[0] for one in found if one.name == BACKWARD}
    done = sum(multiplications(one, maps=maps, first=kernel) for one in found)
    # Worked by hand: conv1 80·60·16·9, conv2 40·30·32·16·9, conv3 20·15·64·32·9, dense 960·64, head 64·55.
    convs = [80 * 60 * 16 * 9, 40 * 30 * 32 * 16 * 9, 20 * 15 * 64 * 32 * 9]
    assert done == 2 * (2 * convs[0] + 3 * (convs[1] + convs[2]) + 3 * (64 * 5 * 3 * 64 + 64 * 55))
    assert kernel == (16, 1, 3, 3)


def test_the_default_network_s_arithmetic_is_counted_too():
    step, kernel = stepper("compact-8", batch=2)
    found = operations(step, steps=2)
    maps = {(one.shapes[1], one.shapes[2]): one.shapes[0] for one in found if one.name == BACKWARD}
    done = sum(multiplications(one, maps=maps, first=kernel) for one in found if one.name in (FORWARD, BACKWARD))
    # By hand, 72×56 and stride 2: the stem, then stages of 16, 32 and 64 maps, each with a convolution before its
    # pool and two of its own width after it.
    sides, widths = [(36, 28), (18, 14), (9, 7)], [8, 16, 32, 64]
    stem = 36 * 28 * 8 * 9
    stages = sum(
        h * w * widths[at] * widths[at + 1] * 9 + 2 * (h // 2) * (w // 2) * widths[at + 1] ** 2 * 9
        for at, (h, w) in enumerate(sides)
    )
    assert done == 2 * (2 * stem + 3 * stages)


def test_peaks_are_those_of_a_product_and_a_copy(monkeypatch):
    monkeypatch.setattr("benchmarks.layers.peer.SIDE", 64)
    monkeypatch.setattr("benchmarks.layers.peer.COPIED", 2**12)
    assert all(peak > 0 for peak in peaks())


def test_the_table_shows_shares_of_step_and_peaks(tmp_path, monkeypatch, capsys):
    (tmp_path / "README.md").write_text("# q\n<!-- measured: begin -->\nformer\n<!-- measured: end -->\n")
    monkeypatch.setattr(question, "FOLDER", tmp_path)
    rows = [
        [FORWARD, [[2, 1, 8, 8], [4, 1, 3, 3]], 0.004, 2e8, 4e7],
        ["aten::odd", [], 0.003, 0.0, 0.0],
    ]
    said = {"product": 1e11, "copied": 2e10, "seconds": 0.008, "profiled": 0.01, "rows": rows}
    line = json.dumps(said)
    monkeypatch.setattr(question, "measure", lambda *_, **__: Measured(1.0, 1.0, 1.0, 0.02, f"words\n{line}\n"))
    assert question.main(["--net", "convnet32"]) == 0
    page = (tmp_path / "README.md").read_text("utf-8")
    assert "| convolution | 2×1×8×8 · 4×1×3×3 | 4.00 | 40 | 100 | 50 | 10.0 | 50 |" in page
    assert "| `aten::odd` | – | 3.00 | 30 | – | – | – | – |" in page
    assert "| all else | – | 3.00 | 30 | – | – | – | – |" in page
    assert "16,000 pictures/s. Peaks: 200 GFLOP/s, 20.0 GB/s" in page
    assert "The whole step, not profiled: 50 GFLOP/s, 25% of the peak." in page
    capsys.readouterr()
