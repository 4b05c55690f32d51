import errno
import hashlib
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from email.message import Message

import pytest
from filelock import FileLock, Timeout

from tellapart.errors import ModelFileError
from tellapart.nets.weights.download import ATTEMPTS, _read, _Redirects, download
from tellapart.progress import Progress

CONTENT = bytes(range(256)) * 4000
SHA = hashlib.sha256(CONTENT).hexdigest()


class Counted(Progress):
    def __init__(self):
        self.total, self.done, self.said = 0, 0, []

    def say(self, sentence):
        self.said.append(sentence)

    def begin(self, name, *, total, unit):
        self.total, self.done = total, 0

    def advance(self, units=1, note=""):
        self.done += units


def fetch(shelf, target, **more):
    return download(f"{shelf.address}/weights.pth", target, pause=0.0, timeout=5.0, **more)


def until(happened):
    ends = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < ends
        time.sleep(0.01)


def left_beside(target):
    return sorted(path.name for path in target.parent.iterdir())


def test_a_file_arrives_whole_with_its_checksum(shelf, tmp_path):
    shelf.content = CONTENT
    target = tmp_path / "new" / "weights.pth"
    progress = Counted()
    assert fetch(shelf, target, sha256=SHA[:8], progress=progress) == target
    assert target.read_bytes() == CONTENT
    assert left_beside(target) == ["weights.pth"]
    assert (progress.total, progress.done) == (len(CONTENT), len(CONTENT))


def test_a_cut_connection_is_taken_up_where_it_broke_off(shelf, tmp_path):
    shelf.content, shelf.cuts = CONTENT, [100_000, 300_000]
    target = tmp_path / "weights.pth"
    progress = Counted()
    fetch(shelf, target, sha256=SHA, progress=progress)
    assert target.read_bytes() == CONTENT
    assert shelf.ranges == ["", "bytes=100000-", "bytes=400000-"]
    assert (progress.total, progress.done) == (len(CONTENT), len(CONTENT))


def test_a_download_given_up_goes_on_at_the_next_call(shelf, tmp_path):
    shelf.content, shelf.cuts = CONTENT, [1000] * ATTEMPTS
    target = tmp_path / "weights.pth"
    with pytest.raises(ModelFileError, match=r"was cut off 5 times, after 5,000 bytes: run it again"):
        fetch(shelf, target)
    assert not target.exists()
    assert fetch(shelf, target, sha256=SHA).read_bytes() == CONTENT
    assert shelf.ranges[-1] == "bytes=5000-"


def test_a_server_that_cannot_resume_sends_all_again(shelf, tmp_path):
    shelf.content, shelf.cuts, shelf.resumes = CONTENT, [1000], False
    assert fetch(shelf, tmp_path / "weights.pth", sha256=SHA).read_bytes() == CONTENT


def test_the_rest_of_another_file_is_never_appended(shelf, tmp_path):
    shelf.content, shelf.cuts = b"x" * 50_000, [1000] * ATTEMPTS
    with pytest.raises(ModelFileError):
        fetch(shelf, tmp_path / "weights.pth")
    shelf.content, shelf.etag, shelf.cuts = CONTENT, '"two"', []
    assert fetch(shelf, tmp_path / "weights.pth").read_bytes() == CONTENT


def test_a_part_that_is_already_whole_begins_anew(shelf, tmp_path):
    shelf.content = CONTENT
    (tmp_path / "weights.pth.part").write_bytes(CONTENT)
    (tmp_path / "weights.pth.part.etag").write_text(shelf.etag)
    assert fetch(shelf, tmp_path / "weights.pth", sha256=SHA).read_bytes() == CONTENT


def test_of_several_that_want_one_file_one_fetches_it(shelf, tmp_path):
    shelf.content, shelf.wait = CONTENT, threading.Event()
    target = tmp_path / "weights.pth"
    heard = [Counted() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        fetched = [pool.submit(fetch, shelf, target, sha256=SHA, progress=each) for each in heard]
        until(lambda: sum(len(each.said) for each in heard) == 3)
        shelf.wait.set()
        assert {each.result() for each in fetched} == {target}
    assert target.read_bytes() == CONTENT
    assert shelf.ranges == [""], "three have waited for the one that fetched"
    assert left_beside(target) == ["weights.pth"]
    assert {each for one in heard for each in one.said} == {"another process is fetching weights.pth: waiting for it"}


def test_who_waits_takes_up_what_another_has_given_up(shelf, tmp_path):
    shelf.content, shelf.wait, shelf.cuts = CONTENT, threading.Event(), [1000] * ATTEMPTS
    target = tmp_path / "weights.pth"
    heard = [Counted(), Counted()]
    with ThreadPoolExecutor(2) as pool:
        fetched = [pool.submit(fetch, shelf, target, sha256=SHA, progress=each) for each in heard]
        until(lambda: any(each.said for each in heard))
        shelf.wait.set()
        assert sorted(each.exception() is None for each in fetched) == [False, True]
    assert target.read_bytes() == CONTENT
    assert shelf.ranges[-1] == "bytes=5000-"


def test_a_killed_process_leaves_the_way_free(shelf, tmp_path):
    place = tmp_path / "weights.pth.lock"
    held = "import sys, time, filelock; lock = filelock.FileLock(sys.argv[1]); "
    held += "lock.acquire(); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", held, str(place)], stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with pytest.raises(Timeout):
            FileLock(place).acquire(timeout=0)
        holder.kill()
    shelf.content = CONTENT
    assert fetch(shelf, tmp_path / "weights.pth", sha256=SHA).read_bytes() == CONTENT


def test_a_file_system_without_locks_is_no_reason_to_stop(shelf, tmp_path, monkeypatch):
    def none(*_, **__):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(FileLock, "acquire", none)
    shelf.content = CONTENT
    assert fetch(shelf, tmp_path / "weights.pth", sha256=SHA).read_bytes() == CONTENT


def test_another_checksum_keeps_nothing(shelf, tmp_path):
    shelf.content = CONTENT
    target = tmp_path / "folder" / "weights.pth"
    with pytest.raises(ModelFileError, match=f"SHA-256 begins with {SHA[:8]}, not with 00000000"):
        fetch(shelf, target, sha256="00000000")
    assert left_beside(target) == []


def test_the_checksum_that_hugging_face_names_is_held_to(shelf, tmp_path):
    shelf.content, shelf.location, shelf.linked = CONTENT, "/moved", SHA
    assert fetch(shelf, tmp_path / "weights.pth").read_bytes() == CONTENT
    shelf.linked = "0" * 64
    with pytest.raises(ModelFileError, match="not with 0000"):
        fetch(shelf, tmp_path / "other.pth")


@pytest.mark.parametrize(("status", "words"), [(404, "it does not exist"), (403, "forbidden"), (401, "login")])
def test_a_refusal_is_said_at_once(shelf, tmp_path, status, words):
    shelf.status = status
    with pytest.raises(ModelFileError, match=rf"{words} \(HTTP {status}\)"):
        fetch(shelf, tmp_path / "weights.pth")
    assert len(shelf.ranges) == 1


@pytest.mark.parametrize("status", [503, 429, 408])
def test_a_failing_or_busy_server_is_asked_again(shelf, tmp_path, status):
    shelf.status = status
    with pytest.raises(ModelFileError, match=f"HTTP {status}"):
        fetch(shelf, tmp_path / "weights.pth")
    assert len(shelf.ranges) == ATTEMPTS


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), ("86400", 60.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0)])
def test_a_busy_server_says_how_long_to_wait(shelf, tmp_path, monkeypatch, asked, waited):
    pauses = []
    monkeypatch.setattr("tellapart.nets.weights.download.time.sleep", pauses.append)
    shelf.status, shelf.retry_after = 429, asked
    with pytest.raises(ModelFileError, match="HTTP 429"):
        fetch(shelf, tmp_path / "weights.pth")
    assert set(pauses) == {waited}


def test_another_part_than_was_asked_for_is_not_taken_for_the_file(shelf, tmp_path):
    shelf.content, shelf.cuts, shelf.shift = CONTENT, [100_000], 50_000
    fetch(shelf, tmp_path / "weights.pth")
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT
    assert shelf.ranges == ["", "bytes=100000-", ""]


def test_nobody_there(tmp_path):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/weights.pth"
        with pytest.raises(ModelFileError, match="cannot be reached"):
            download(url, tmp_path / "weights.pth", pause=0.0)


@pytest.mark.parametrize("url", ["http://example.org/w.pth", "ftp://example.org/w.pth", "file:///etc/passwd"])
def test_only_https_is_fetched(tmp_path, url):
    with pytest.raises(ModelFileError, match="https only"):
        download(url, tmp_path / "weights.pth")


def test_no_redirection_away_from_https(shelf, tmp_path):
    shelf.location = "http://example.org/weights.pth"
    said = r"^http://[^ ]* leads to 'http://example.org/weights.pth', which is not https"
    with pytest.raises(ModelFileError, match=said):
        fetch(shelf, tmp_path / "weights.pth")


@pytest.mark.parametrize("url", ["https://example..org/w.pth", "https://example.org/two words.pth"])
def test_an_address_that_cannot_be_asked_is_said_at_once(tmp_path, url):
    with pytest.raises(ModelFileError, match=r"is no address that can be asked .*: look for what is mistyped"):
        download(url, tmp_path / "weights.pth", pause=60)


def test_no_redirection_from_elsewhere_to_this_machine():
    redirects = _Redirects()
    asked = urllib.request.Request("https://example.org/weights.pth")
    with pytest.raises(ModelFileError, match=r"leads to 'http://127.0.0.1:8000/secret', which is"):
        redirects.redirect_request(asked, None, 302, "Found", Message(), "http://127.0.0.1:8000/secret")
    assert redirects.redirect_request(asked, None, 302, "Found", Message(), "https://other.org/weights.pth")


def test_a_folder_that_cannot_be_written_is_named(shelf, tmp_path):
    shelf.content = CONTENT
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError, match=r"cannot be kept in .*TELLAPART_CACHE"):
        fetch(shelf, tmp_path / "file" / "weights.pth")


def test_trouble_of_the_network_is_no_full_disk():
    class Reply:
        def read(self, size):
            raise OSError(errno.EHOSTUNREACH, "No route to host")

    with pytest.raises(ConnectionError, match="No route to host"):
        _read(Reply())
