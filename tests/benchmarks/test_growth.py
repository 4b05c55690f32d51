"""The growth benchmark's own parts: its pictures, and what it sees of a process."""

import importlib
import io
import os
import sys
import zipfile

import numpy as np
import pytest
from benchmarks.growth import job
from benchmarks.growth.pictures import block, make_zip, png
from benchmarks.growth.tellapart_peer import figures
from benchmarks.growth.watch import Sample, cpu_seconds, descendants, watched
from PIL import Image


def test_the_first_pictures_of_many_are_those_of_few(tmp_path):
    for count in (5, 12):
        make_zip(tmp_path / f"{count}.zip", pictures=count)
    with zipfile.ZipFile(tmp_path / "5.zip") as few, zipfile.ZipFile(tmp_path / "12.zip") as many:
        assert len(many.namelist()) == 12
        assert [few.read(name) for name in few.namelist()] == [many.read(name) for name in many.namelist()[:5]]
        pixels, labels = block(0)
        assert few.namelist()[3] == f"class-{labels[3]}/0000003.png"
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(few.read(few.namelist()[3])))), pixels[3])
    assert Image.open(io.BytesIO(png(pixels[0]))).mode == "L"


def test_memory_of_a_child_process_is_seen():
    inner = "import time; b = bytearray(60_000_000); time.sleep(1)"
    hold = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    status, samples = watched([sys.executable, "-c", hold], variables={})
    assert status == 0
    assert max(sample.processes for sample in samples) >= 2
    assert 57 < max(sample.own for sample in samples) < 120
    assert os.getpid() in descendants(os.getpid())
    assert cpu_seconds(os.getpid()) > 0


def test_what_a_forked_process_shares_counts_once():
    inner = "import os, time\nb = b'x' * 60_000_000\npid = os.fork()\ntime.sleep(1)\npid and os.wait()"
    status, samples = watched([sys.executable, "-c", inner], variables={})
    assert status == 0
    assert max(sample.processes for sample in samples) == 2
    assert 57 < max(sample.own for sample in samples) < 100


def test_phases_are_added_up():
    records = [("scan", 0.0, 2.0, 3.0), ("audit", 2.0, 3.0, 1.0), ("scan", 5.0, 6.0, 1.0)]
    samples = [Sample(1.0, 50.0, 5.0, 1), Sample(2.5, 90.0, 9.0, 2), Sample(5.5, 70.0, 1.0, 1)]
    found = figures(records, samples, pictures=1000)
    assert (found["scan_s"], found["scan_cpu_us"], found["scan_mb"]) == (3.0, 4000.0, 70.0)
    assert (found["own_mb"], found["mapped_mb"], found["job_s"]) == (90.0, 9.0, 6.0)
    assert found["both_mb"] == 99.0
    assert found["report_s"] == 0.0


@pytest.mark.parametrize("place", [place for places in job.PHASES.values() for place in places])
def test_each_phase_names_a_function_that_the_main_job_calls(place):
    name, function = place.split(":")
    assert callable(getattr(importlib.import_module(f"tellapart.{name}"), function))
