"""``python -m benchmarks.layers``: training steps, operation by operation."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..harness.cells import Cells
from ..harness.environment import OURS, prepare
from ..harness.process import measure
from ..harness.question import RESULTS, ROOT
from ..harness.result import PeerError
from .cases import CASES

FOLDER = Path(__file__).resolve().parent
WORDS = {
    "aten::mkldnn_convolution": "convolution",
    "aten::convolution_backward": "gradients of a convolution",
    "aten::mkldnn_max_pool2d": "max-pool",
    "aten::mkldnn_max_pool2d_backward": "gradient of max-pool",
    "aten::relu": "ReLU",
    "aten::clamp_min": "ReLU",
    "aten::threshold_backward": "gradient of ReLU",
    "aten::addmm": "matrix product",
    "aten::mm": "matrix product",
    "aten::_fused_adam_": "Adam",
    "Optimizer.step#UncompiledAdam.step": "Adam, what calls it",
    "aten::copy_": "copy",
    "aten::_to_dense": "into PyTorch's layout",
    "aten::max_pool2d_with_indices": "max-pool",
    "aten::max_pool2d_with_indices_backward": "gradient of max-pool",
    "aten::native_batch_norm": "batch normalisation",
    "aten::native_batch_norm_backward": "gradient of batch normalisation",
    "aten::_fused_adamw_": "AdamW",
    "aten::add_": "sum",
    "aten::add": "sum",
}
NONE = ("–", "–")
HEAD = "| operation | on | ms | of the step, % | GFLOP/s | of the peak, % | GB/s | of the copy, % |"


def profiled(net: str) -> dict[str, Any]:
    """Return what the peer says of a network, and what other processes used meanwhile.

    Raises:
        PeerError: it failed.
    """
    command = [str(prepare(OURS)), "-m", "benchmarks.layers.peer", "--net", net]
    found = measure(command, variables={}, cwd=ROOT, log=RESULTS / FOLDER.name / f"{net}.log")
    line = next(line for line in found.output.splitlines() if line.startswith("{") and '"rows"' in line)
    return {**json.loads(line), "others_share": found.others_share}


def table(cells: Sequence[Mapping[str, Any]]) -> str:
    """Return a table a network."""
    return "\n\n".join(_of_net(one) for one in cells)


def _of_net(cell: Mapping[str, Any]) -> str:
    figures, case = cell["figures"], CASES[cell["net"]]
    shape = case.shape
    alone = f"{1000 * figures['profiled']:.1f} ms"
    lines = [
        f"### {cell['net']}, {shape.height}×{shape.width}, batch {shape.batch}, {case.precision}, {case.optimizer[0]}",
        "",
        f"A step takes {1000 * figures['seconds']:.1f} ms (its operations alone, profiled, {alone}): "
        f"{shape.batch / figures['seconds']:,.0f} pictures/s. Peaks: {2 * figures['product'] / 1e9:,.0f} GFLOP/s, "
        f"{figures['copied'] / 1e9:.1f} GB/s. Other processes used {figures['others_share']:.0%} of the machine. "
        f"{', '.join(str(cell['where']).split(', ')[:2])}.",
        "",
        HEAD,
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    rest, work = figures["profiled"], 0.0
    for name, shapes, seconds, multiplied, moved in figures["rows"]:
        rest -= seconds
        work += multiplied
        on = " · ".join("×".join(map(str, sizes)) for sizes in shapes if sizes)
        compute = [f"{2e-9 * multiplied / seconds:,.0f}", f"{100 * multiplied / seconds / figures['product']:.0f}"]
        memory = (
            [f"{moved / seconds / 1e9:.1f}", f"{100 * moved / seconds / figures['copied']:.0f}"] if on else ["–"] * 2
        )
        shown = [WORDS.get(name, f"`{name}`"), on or "–", f"{1000 * seconds:.2f}", _share(seconds, figures["profiled"])]
        lines.append(f"| {' | '.join([*shown, *(compute if multiplied else NONE), *(memory if on else NONE)])} |")
    lines.append(f"| all else | – | {1000 * rest:.2f} | {_share(rest, figures['profiled'])} | – | – | – | – |")
    speed = work / figures["seconds"]
    lines += [
        "",
        f"The whole step, not profiled: {2e-9 * speed:,.0f} GFLOP/s, {speed / figures['product']:.0%} of the peak.",
    ]
    return "\n".join(lines)


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile each network and write the tables after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", action="append", choices=CASES, help="one of the networks (all)")
    options = parser.parse_args(arguments)
    cells = Cells(FOLDER, table=table)
    for net in options.net or CASES:
        try:
            figures = profiled(net)
        except PeerError as error:
            print(f"FAILED: {net}: {error}", file=sys.stderr)
            return 1
        cells.keep(net, {"net": net, "figures": figures})
    print(cells.markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())
