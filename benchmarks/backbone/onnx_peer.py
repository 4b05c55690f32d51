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

from benchmarks.backbone.work import network, options, pictures, speed
from benchmarks.harness.result import say


class Features(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, batch):
        return self.net.embed(batch)


def main() -> None:
    chosen = options()
    batch = pictures(chosen.batch).contiguous()  # ONNX Runtime takes channels first
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "net.onnx")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter that needs no further package
            torch.onnx.export(Features(network(chosen.net)), (batch,), path, dynamo=False, input_names=["pictures"])
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = len(os.sched_getaffinity(0))
        session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    given = {"pictures": batch.numpy()}
    figures = {"pictures_per_s": speed(lambda: session.run(None, given), batch=chosen.batch)}
    figures["checksum"] = float(np.abs(session.run(None, given)[0]).sum())
    versions = {name: version(name) for name in ("onnxruntime", "torch")}
    say(figures=figures, versions=versions, notes=f"{settings.intra_op_num_threads} threads, batch {chosen.batch}")


if __name__ == "__main__":
    main()
