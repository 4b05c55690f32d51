"""Where files may be written, and what becomes of what stands there."""

import os

import pytest

from tellapart.errors import UnwritableError
from tellapart.files import check_writable, write_whole


@pytest.mark.skipif(os.name != "posix", reason="pipes")
@pytest.mark.parametrize("write", [check_writable, lambda path: write_whole(path, b"x")])
def test_a_pipe_or_a_folder_is_not_replaced_by_a_file(tmp_path, write):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name, what in (("pipe", "a device or a pipe"), ("link", "a device or a pipe"), ("folder", "a folder")):
        with pytest.raises(UnwritableError, match=f"it is {what}: give the name of a file"):
            write(tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "link", "pipe"]


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="no such files")  # noqa: PTH110
@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_what_a_process_has_open_is_not_replaced(tmp_path, name):
    with (tmp_path / "log.txt").open("w") as log:
        log.write("what was said before")
        log.flush()
        (tmp_path / "link").symlink_to(f"/proc/self/fd/{log.fileno()}")
        with pytest.raises(UnwritableError, match="a device or a pipe"):
            write_whole(tmp_path / name.format(log.fileno()), b"x")
    assert (tmp_path / "log.txt").read_text() == "what was said before"


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "list.csv").symlink_to(tmp_path / "shared" / "list.csv")
    for text in (b"one", b"two"):
        check_writable(tmp_path / "list.csv")
        write_whole(tmp_path / "list.csv", text)
        assert (tmp_path / "list.csv").is_symlink()
        assert (tmp_path / "shared" / "list.csv").read_bytes() == text
