import io
import os
import struct
import tarfile
import time
import zipfile
import zlib

import pytest

from tellapart.errors import SourceError, UnreadableImageError
from tellapart.images import open_dataset
from tellapart.images.sources import tarred
from tellapart.images.sources.text_encoding import guess_encoding

from ..conftest import grey_png

NAMES = ("cat/1.png", "cat/2.png", "dog/1.png")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tar"


def make_tar(path, mode, names=NAMES, extra=()):
    with tarfile.open(path, mode) as archive:
        add_all(archive, names)
        for info in extra:
            archive.addfile(info)
    return path


def add_all(archive, names):
    for i, name in enumerate(names):
        info = tarfile.TarInfo(name)
        info.size = len(grey_png(i))
        archive.addfile(info, io.BytesIO(grey_png(i)))


def values(data):
    return [int(data.images.load(i).pixels[0, 0, 0]) for i in range(len(data))]


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_in_place(make_zip, packing):
    data = open_dataset(make_zip("Train/猫/1.png", "Train/b/1.png", "Test/b/1.png", packing=packing))
    assert data.ids.tolist() == ["Test/b/1.png", "Train/b/1.png", "Train/猫/1.png"]
    assert data.given_split.tolist() == ["test", "train", "train"]
    assert values(data) == [2, 1, 0]


def test_zip_with_everything_systems_leave_in_it(make_zip):
    data = open_dataset(make_zip("top/", "top/a/1.png", "top/b/1.png", "__MACOSX/top/a/._1.png", "top/.DS_Store",
                                 "top/a/Thumbs.db", "top/readme.txt", "top/c/"))  # fmt: skip
    assert data.ids.tolist() == ["a/1.png", "b/1.png"]
    assert data.notes == (
        "1 folder holds no pictures: top/c", "1 file left out, being no picture (1 .txt)"
    )  # fmt: skip


def test_members_that_lead_outside_are_refused_and_listed(make_zip, tmp_path):
    path = make_zip(*NAMES, "../evil.png", "/etc/evil.png", "C:\\evil.png", "cat/../../evil.png", "a\\..\\..\\x.png")
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("dog/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    data = open_dataset(path)
    assert data.ids.tolist() == list(NAMES)
    assert data.notes[0].startswith("6 members are refused (links, or paths that lead outside): '../evil.png'")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pictures.zip"]


def test_an_archive_of_refused_members_alone_says_so(make_zip):
    with pytest.raises(SourceError, match=r"may be read: 1 members? (is|are) refused .*'\.\./cat/1\.png'"):
        open_dataset(make_zip("../cat/1.png"))


def test_backslashes_are_folders(make_zip):
    assert open_dataset(make_zip("a\\1.png", "b\\1.png")).ids.tolist() == ["a/1.png", "b/1.png"]


def raw_names_zip(path, names):
    """Write a zip whose names are the given bytes, without saying in which encoding."""
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in enumerate(names):
            archive.writestr("x" * len(name), grey_png(i))
    data = path.read_bytes()
    for name in names:
        for mark, at in ((b"PK\3\4", 30), (b"PK\1\2", 46)):
            old = b"x" * len(name)
            found = (i for i in range(len(data)) if data[i : i + 4] == mark and data[i + at :].startswith(old))
            place = next(i for i in found if data[i + at + len(old) : i + at + len(old) + 1] != b"x")
            data = data[: place + at] + name + data[place + at + len(old) :]
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("encoding", "classes"),
    [
        ("gb18030", ("汉字类别", "猫")),
        ("shift_jis", ("ねこ類", "ネコ")),
        ("cp437", ("Größe", "Zürich")),
        ("utf-8", ("汉字", "é")),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_do_not_say_their_encoding(tmp_path, encoding, classes):
    path = raw_names_zip(tmp_path / "a.zip", [f"{c}/{i}.png".encode(encoding) for i, c in enumerate(classes)])
    data = open_dataset(path)
    assert set(data.class_names) == set(classes)
    assert sorted(values(data)) == [0, 1]
    said = [note for note in data.notes if "encoded" in note]
    assert said == (
        [] if encoding == "utf-8" else [f"the zip does not say how its names are encoded: read as {encoding}"]
    )


def test_guessing_stays_with_latin_for_single_accents():
    assert guess_encoding([name.encode("cp437") for name in ("café", "Müller", "año")]) == "cp437"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_later_of_two_members_of_one_name_counts(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in enumerate(["a/1.png", "b/1.png", "a/1.png"]):
            archive.writestr(name, grey_png(i))
    data = open_dataset(path)
    assert data.ids.tolist() == ["a/1.png", "b/1.png"]
    assert values(data) == [2, 1]
    assert "1 names occur twice" in data.notes[0]


def test_zip64_and_a_program_before_the_archive(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in enumerate(NAMES):
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as out:
                out.write(grey_png(i))
    data = path.read_bytes()
    path.write_bytes(data)
    assert values(open_dataset(path)) == [0, 1, 2]
    # The end record of a zip with more members than 16 bits count points to a zip64 record.
    end = data.rindex(b"PK\5\6")
    count, length, offset = struct.unpack_from("<HII", data, end + 10)
    record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, offset)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    tail = data[end : end + 8] + struct.pack("<HHIIH", 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(data[:end] + record + locator + tail)
    assert values(open_dataset(path)) == [0, 1, 2]


def test_a_self_extracting_zip_is_read(make_zip):
    path = make_zip(*NAMES)
    data = path.read_bytes()
    path.write_bytes(data[:4] + data)  # what stands before is no part of the archive
    assert values(open_dataset(path)) == [0, 1, 2]


def test_damaged_and_foreign_zips(make_zip, tmp_path):
    path = make_zip(*NAMES)
    whole = path.read_bytes()
    for cut in (len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:cut])
        with pytest.raises(SourceError, match="damaged or cut zip"):
            open_dataset(path)
    broken = bytearray(whole)
    broken[whole.rindex(b"PK\1\2")] = 0
    path.write_bytes(bytes(broken))
    with pytest.raises(SourceError, match="damaged zip"):
        open_dataset(path)
    broken = bytearray(whole)
    at = whole.index(b"PK\1\2")
    broken[at + 8] |= 1
    path.write_bytes(bytes(broken))
    with pytest.raises(SourceError, match="is encrypted"):
        open_dataset(path)
    with pytest.raises(SourceError, match=r"packed by LZMA .*'cat/1.png'"):
        open_dataset(make_zip(*NAMES, packing=zipfile.ZIP_LZMA))
    with pytest.raises(SourceError, match=r"no pictures but \.npy"):
        open_dataset(make_zip("x.npy"))


def test_a_zip_whose_count_of_members_has_wrapped_is_read_whole(tmp_path):
    members, png, local = 2**16 + 3, grey_png(7), 30
    table = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, zlib.crc32(png), len(png), len(png), len(name),
                    0, 0, 0, 0, 0, 0) + name
        for name in (b"%s/%05d.png" % (b"a" if i else b"b", i) for i in range(members))
    )  # fmt: skip
    head = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, zlib.crc32(png), len(png), len(png), 0, 0)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 3, 3, len(table), local + len(png), 0)
    path = tmp_path / "macos.zip"
    path.write_bytes(head + png + table + end)
    assert len(open_dataset(path)) == members
    path.write_bytes(head + png + table + end.replace(b"\3\0\3\0", b"\2\0\2\0"))
    with pytest.raises(SourceError, match="its table has 65,539 members and should have 2"):
        open_dataset(path)


def test_any_damage_to_a_zip_is_a_source_error_or_read_whole(make_zip):
    path = make_zip(*NAMES)
    whole = path.read_bytes()
    start = whole.index(b"PK\1\2")
    for at in range(start, len(whole)):
        broken = bytearray(whole)
        broken[at] ^= 0x81
        path.write_bytes(bytes(broken))
        try:
            found = len(open_dataset(path)) + sum(map(len, open_dataset(path).notes))
        except SourceError:
            continue
        assert found >= len(NAMES), "what is left out is said"


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"),
                                            ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")])  # fmt: skip
def test_tars(tmp_path, cache, name, mode):
    data = open_dataset(make_tar(tmp_path / name, mode))
    assert data.ids.tolist() == list(NAMES)
    assert values(data) == [0, 1, 2]
    assert data.name == "a"
    assert cache.exists() == (mode != "w")


def test_a_compressed_tar_is_unpacked_once_and_again_when_it_changed(tmp_path, cache):
    path = make_tar(tmp_path / "a.tar.gz", "w:gz")
    first = open_dataset(path)
    kept = list(cache.iterdir())
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    assert open_dataset(path).images.fingerprint() == first.images.fingerprint()
    assert kept[0].stat().st_mtime_ns == before
    make_tar(path, "w:gz", names=("a/1.png", "b/1.png"))
    assert open_dataset(path).class_names == ("a", "b")


def test_links_and_devices_in_a_tar_are_refused(tmp_path):
    extra = []
    for kind, name in ((tarfile.SYMTYPE, "cat/s.png"), (tarfile.LNKTYPE, "cat/h.png"), (tarfile.CHRTYPE, "cat/d.png"),
                       (tarfile.REGTYPE, "../evil.png")):  # fmt: skip
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        extra.append(info)
    data = open_dataset(make_tar(tmp_path / "a.tar", "w", extra=extra))
    assert data.ids.tolist() == list(NAMES)
    assert data.notes[0].startswith("4 members are refused")


@pytest.mark.parametrize(
    ("key", "value", "opens"),
    [
        ("GNU.sparse.realsize", str(2**63), True),
        ("GNU.sparse.realsize", "-5", True),
        ("GNU.sparse.realsize", "many", False),
        ("size", "9" * 30, False),
    ],
)
def test_what_a_hostile_tar_claims_is_an_error_of_ours(tmp_path, key, value, opens):
    path = tmp_path / "a.tar"
    odd = tarfile.TarInfo("a/0.png")
    odd.pax_headers = {key: value}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(odd)
        add_all(archive, NAMES)
    if not opens:
        with pytest.raises(SourceError, match="damaged or cut tar"):
            open_dataset(path)
        return
    data = open_dataset(path)
    with pytest.raises(UnreadableImageError):
        data.images.load(0)
    assert [int(data.images.load(i).pixels[0, 0, 0]) for i in (1, 2, 3)] == [0, 1, 2]


def test_a_tar_s_member_is_judged_by_its_plain_name(tmp_path):
    path = make_tar(tmp_path / "a.tar", "w", names=("a/1.png/.", "b/1.jpg"))
    data = open_dataset(path)
    assert data.ids.tolist() == ["a/1.png", "b/1.jpg"]
    assert [data.images.load(i).notes for i in range(2)] == [(), ("a PNG named .jpg",)]


def test_bombs_and_cut_tars(tmp_path, cache, monkeypatch):
    path = make_tar(tmp_path / "a.tar.gz", "w:gz")
    monkeypatch.setattr(tarred, "FREE_BYTES", 100)
    monkeypatch.setattr(tarred, "MAX_RATIO", 2)
    with pytest.raises(SourceError, match="unpacks to more than"):
        open_dataset(path)
    assert list(cache.iterdir()) == []
    monkeypatch.undo()
    monkeypatch.setenv("TELLAPART_CACHE", str(cache.parent))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="damaged or cut"):
        open_dataset(path)
    assert list(cache.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    path = make_tar(tmp_path / "a.tar.gz", "w:gz")
    (tmp_path / "closed").mkdir(mode=0o500)
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "closed"))
    with pytest.raises(SourceError, match="TELLAPART_CACHE"):
        open_dataset(path)


@pytest.mark.parametrize(
    ("encoding", "classes"),
    [("gb18030", ("汉字类别", "猫")), ("shift_jis", ("ねこ類", "ネコ")), ("cp1252", ("Käse", "Löwe"))],
)
def test_names_of_a_tar_that_are_not_utf8_are_guessed_and_said(tmp_path, encoding, classes):
    path = tmp_path / "a.tar"
    names = [f"{name}/{i}.png" for i, name in enumerate(classes)]
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding=encoding) as archive:
        add_all(archive, names)
    data = open_dataset(path)
    assert set(data.class_names) == set(classes)
    assert f"the tar does not say how its names are encoded: read as {encoding}" in data.notes
    raw = [name.encode(encoding).decode("utf-8", "surrogateescape") for name in names]  # as Linux gives them to Python
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as archive:
        add_all(archive, raw)
    assert set(open_dataset(path).class_names) == set(classes)


def test_one_odd_name_in_a_tar_leaves_the_others_as_they_are(tmp_path):
    path = tmp_path / "a.tar"
    odd = "Käse/0.png".encode("latin-1").decode("utf-8", "surrogateescape")
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape") as archive:
        add_all(archive, ["汉字/1.png", "Löwe/2.png", odd])
    assert set(open_dataset(path).class_names) == {"汉字", "Löwe", "Käse"}


def test_everybody_who_may_read_the_cache_may_read_an_unpacked_tar(tmp_path, cache):
    open_dataset(make_tar(tmp_path / "a.tar.gz", "w:gz"))
    (unpacked,) = cache.iterdir()
    assert unpacked.stat().st_mode & 0o777 == cache.stat().st_mode & 0o644


def test_what_a_killed_process_left_half_unpacked_is_removed(tmp_path, cache):
    path = tmp_path / "a.tar.gz"
    make_tar(path, "w:gz")
    cache.mkdir(parents=True)
    old, fresh, download = (cache / name for name in (f"{'0' * 32}-x.part", f"{'1' * 32}-y.part", "film.part"))
    for file in (old, fresh, download):
        file.write_bytes(b"x")
    for file in (old, download):  # the latter is a person's, in a folder that TELLAPART_CACHE names
        os.utime(file, (time.time() - 7200,) * 2)
    open_dataset(path)
    assert (old.exists(), fresh.exists(), download.exists()) == (False, True, True)


def test_a_tar_that_is_damaged_or_cut_inside_a_header_is_not_taken_for_its_end(tmp_path):
    whole = make_tar(tmp_path / "a.tar", "w").read_bytes()
    at = whole.index(b"dog/1.png")
    for data in (whole[:at] + b"x" + whole[at + 1 :], whole[: at + 100]):
        (tmp_path / "a.tar").write_bytes(data)
        with pytest.raises(SourceError, match=f"damaged or cut tar: the header at byte {at:,} cannot be read"):
            open_dataset(tmp_path / "a.tar")
    (tmp_path / "a.tar").write_bytes(whole[: at + 1024])  # after the last member, before the mark
    data = open_dataset(tmp_path / "a.tar")
    assert len(data) == 3
    assert "the tar has no mark at its end: it may be cut" in data.notes


def test_what_the_system_refuses_is_not_called_damage(tmp_path, monkeypatch):
    path = make_tar(tmp_path / "a.tar.gz", "w:gz")
    (tmp_path / "file").touch()
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "file"))
    with pytest.raises(SourceError, match=r"cannot be unpacked to .*file/tar': .* name another cache folder"):
        open_dataset(path)
