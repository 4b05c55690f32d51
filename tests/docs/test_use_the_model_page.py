"""What docs/use-the-model.md shows works: its code, its web service, and what it says of threads and limits."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import tellapart

PAGE = (Path(__file__).parents[2] / "docs" / "use-the-model.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SERVING = "server.serve_forever()\n"


def test_the_code_runs(desk, capsys):
    names = {"__name__": "page"}
    for code in BLOCKS:
        if SERVING not in code:
            exec(compile(code, "use-the-model.md", "exec"), names)
    assert capsys.readouterr().out


@pytest.fixture
def port(desk):
    """The service as the page writes it, but for its port, which the system chooses."""
    (code,) = [code for code in BLOCKS if code.endswith(SERVING)]
    assert code.count("8000") == 1
    names = {"__name__": "page"}
    thread = threading.Thread(target=exec, args=(compile(code.replace("8000", "0"), "service", "exec"), names))
    thread.start()
    while "server" not in names and thread.is_alive():
        time.sleep(0.01)
    yield names["server"].server_address[1]
    names["server"].shutdown()
    thread.join()
    names["server"].server_close()


def ask(port, body, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/", body=body, headers=headers)
    response = connection.getresponse()
    status, said = response.status, response.read().decode()
    connection.close()
    return status, said


def test_the_service_answers_several_callers_and_refuses_what_is_no_picture(port, capsys):
    picture = Path("one.jpg").read_bytes()
    expected = tellapart.Classifier.load("runs/digits").classify(picture)
    with ThreadPoolExecutor(4) as callers:
        for status, said in callers.map(lambda _: ask(port, picture), range(8)):
            assert status == 200
            assert json.loads(said)["name"] == expected.name
            assert len(json.loads(said)["ranking"]) == 3
    status, said = ask(port, b"hello")
    assert status == 400
    assert "not a picture" in said
    assert ask(port, b"")[0] == 413
    assert ask(port, None, **{"Content-Length": "30000000"})[0] == 413


def test_threads_get_the_answers_that_one_alone_gets(desk):
    classifier = tellapart.Classifier.load("runs/digits")
    pictures = np.random.default_rng(0).integers(0, 256, (64, 20, 30, 3), dtype=np.uint8)
    alone = [classifier.classify(picture).ranking for picture in pictures]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda picture: classifier.classify(picture).ranking, pictures))
    assert together == alone


def test_the_limits_are_the_programs():
    from tellapart import novelty
    from tellapart.images import decode, encoded
    from tellapart.workflow import prediction

    assert decode.MAX_PIXELS == 2**27
    assert "2²⁷" in PAGE
    assert f"{encoded.MAX_BYTES >> 20} MiB" in PAGE
    assert f"up to {novelty.REFERENCES:,} training pictures" in PAGE
    assert f"{prediction.BATCH} pictures at a time" in PAGE
    with pytest.raises(ValueError, match="4096"):
        tellapart.Preprocessing(image_size=(4097, 8))
