"""ONNX Runtime on the same network, exported by PyTorch; all its graph optimisations are on, as installed."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

import numpy as np
import onnxruntime
import torch

from benchmarks.backbone.work import MEAN, PICTURES, STD, measure, network, options, pictures
from benchmarks.harness.result import say


class Features(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, batch):
        return self.net.embed(batch)


def main() -> None:
    chosen = options()
    scaled = (pictures().transpose(0, 3, 1, 2).astype(np.float32) / 255 - MEAN) / STD
    given = np.ascontiguousarray(scaled)  # ONNX Runtime takes channels first; none of this is timed
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "net.onnx")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter that needs no further package
            torch.onnx.export(
                Features(network(chosen.net)),
                (torch.from_numpy(given[: chosen.batch]),),
                path,
                dynamo=False,
                input_names=["pictures"],
            )
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = len(os.sched_getaffinity(0))
        session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    starts = range(0, PICTURES, chosen.batch)

    def embed() -> np.ndarray:
        return np.concatenate([session.run(None, {"pictures": given[s : s + chosen.batch]})[0] for s in starts])

    figures = measure(embed)
    versions = {name: version(name) for name in ("onnxruntime", "torch")}
    say(figures=figures, versions=versions, notes=f"{settings.intra_op_num_threads} threads, batch {chosen.batch}")


if __name__ == "__main__":
    main()
