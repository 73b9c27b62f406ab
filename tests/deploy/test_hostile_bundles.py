"""Unsafe archives are rejected before anything of them is written or run."""

import stat
import struct
import zipfile

import pytest

from daf.config import ConfigError
from daf.deploy import archive
from daf.deploy.archive import MAX_MEMBERS, MAX_NAME_LENGTH, read_archive


def write_zip(path, *names, **changes):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            member = zipfile.ZipInfo(name)
            for key, value in changes.items():
                setattr(member, key, value)
            member.filename = name
            file.writestr(member, b"x")
    return path


@pytest.mark.parametrize("name", [
    "../evil", "a/../../evil", "/etc/passwd", "C:/evil", "a\\b", "a//b", "./a", "a/", "", ".hidden",
    "a/.ssh/b", "a b", "a\nb", "\x1b[2J", "é", "a\u202eb", "~root", "a:b", "-rf",
    "x" * (MAX_NAME_LENGTH + 1),
])  # fmt: skip
def test_invalid_name(name, tmp_path):
    with pytest.raises(ConfigError, match="invalid name") as caught:
        read_archive(write_zip(tmp_path / "x.zip", "manifest.json", name))
    assert f"{caught.value}".isprintable()


def test_name_with_nul(tmp_path):
    path = write_zip(tmp_path / "x.zip", "aXb")
    path.write_bytes(path.read_bytes().replace(b"aXb", b"a\0b"))
    with pytest.raises(ConfigError, match="invalid name"):
        read_archive(path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_irregular_member(kind, tmp_path):
    with pytest.raises(ConfigError, match="is not a regular file"):
        read_archive(write_zip(tmp_path / "x.zip", "a", external_attr=(kind | 0o777) << 16))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a/b", "A/b"), ("a", "a/b"), ("b/C/d", "b/c")])
def test_conflicting_names(names, tmp_path):
    with pytest.raises(ConfigError, match=r"duplicate name|is a file and a folder"):
        read_archive(write_zip(tmp_path / "x.zip", *names))


def test_too_many_members(tmp_path):
    names = [f"m{number}" for number in range(MAX_MEMBERS + 1)]
    with pytest.raises(ConfigError, match=f"has more than {MAX_MEMBERS} members"):
        read_archive(write_zip(tmp_path / "x.zip", *names))


def test_zip_bomb(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(3):
            file.writestr(f"m{number}", bytes(400_000))
    monkeypatch.setattr(archive, "MAX_BYTES", 1_000_000)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("something was read"))
    with pytest.raises(ConfigError, match="is larger than"):
        read_archive(tmp_path / "x.zip")


def test_zip_bomb_with_false_size(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("manifest.json", bytes(1_000_000))
    content = (tmp_path / "x.zip").read_bytes()
    lie = content.replace(struct.pack("<L", 1_000_000), struct.pack("<L", 10))
    assert lie != content
    (tmp_path / "x.zip").write_bytes(lie)
    with pytest.raises(ConfigError, match="Bad CRC-32"):
        read_archive(tmp_path / "x.zip")


def test_too_large_file(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 100)
    with pytest.raises(ConfigError, match="is larger than"):
        read_archive(write_zip(tmp_path / "x.zip", "a", "b"))


def test_an_encrypted_member(tmp_path):
    path = write_zip(tmp_path / "x.zip", "a")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is encrypted"):
        read_archive(path)


def test_truncated_file(bundle, tmp_path):
    content = bundle.file.read_bytes()
    for length in [0, 1, 21, 22, 100, len(content) // 2, len(content) - 1]:
        (tmp_path / "cut.zip").write_bytes(content[:length])
        with pytest.raises(ConfigError, match="is not a plain zip file"):
            read_archive(tmp_path / "cut.zip")


@pytest.mark.parametrize("change", ["comment", "no manifest", "other manifest", "no json"])
def test_invalid_bundle(change, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        if change != "no manifest":
            text = {"other manifest": '{"files": {}, "more": 1}', "no json": "{"}
            file.writestr("manifest.json", text.get(change, '{"files": {}}'))
        if change == "comment":
            file.comment = b"hello"
    with pytest.raises(ConfigError, match=r"not a plain zip file|has no manifest|manifest\.json: "):
        read_archive(tmp_path / "x.zip")


@pytest.mark.parametrize("path", ["nothing.zip", "."])
def test_missing_file(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"No such file|Is a directory"):
        read_archive(path)
