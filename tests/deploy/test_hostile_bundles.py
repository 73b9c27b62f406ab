"""Archives that nobody should unpack are refused, and nothing of them is written or run."""

import stat
import struct
import zipfile

import pytest

from daf.config import ConfigError
from daf.deploy import archive
from daf.deploy.archive import MAX_MEMBERS, MAX_NAME, read_archive


def written(path, *names, **changes):
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
    "x" * (MAX_NAME + 1),
])  # fmt: skip
def test_a_name_no_bundle_has(name, tmp_path):
    with pytest.raises(ConfigError, match="a bundle has no such names") as caught:
        read_archive(written(tmp_path / "x.zip", "manifest.json", name))
    assert f"{caught.value}".isprintable()


def test_a_name_with_a_nul(tmp_path):
    path = written(tmp_path / "x.zip", "aXb")
    path.write_bytes(path.read_bytes().replace(b"aXb", b"a\0b"))
    with pytest.raises(ConfigError, match="a bundle has no such names"):
        read_archive(path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_a_link_or_another_odd_file(kind, tmp_path):
    with pytest.raises(ConfigError, match="is a link, or no plain file"):
        read_archive(written(tmp_path / "x.zip", "a", external_attr=(kind | 0o777) << 16))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a/b", "A/b"), ("a", "a/b"), ("b/C/d", "b/c")])
def test_two_members_in_one_place(names, tmp_path):
    with pytest.raises(ConfigError, match=r"stands there twice|is a file and a folder"):
        read_archive(written(tmp_path / "x.zip", *names))


def test_too_many_members(tmp_path):
    names = [f"m{number}" for number in range(MAX_MEMBERS + 1)]
    with pytest.raises(ConfigError, match=f"has more than {MAX_MEMBERS} members"):
        read_archive(written(tmp_path / "x.zip", *names))


def test_a_bomb(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(3):
            file.writestr(f"m{number}", bytes(400_000))
    monkeypatch.setattr(archive, "MAX_BYTES", 1_000_000)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("something was read"))
    with pytest.raises(ConfigError, match="would be larger than"):
        read_archive(tmp_path / "x.zip")


def test_a_bomb_that_lies_about_its_size(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("manifest.json", bytes(1_000_000))
    content = (tmp_path / "x.zip").read_bytes()
    lie = content.replace(struct.pack("<L", 1_000_000), struct.pack("<L", 10))
    assert lie != content
    (tmp_path / "x.zip").write_bytes(lie)
    with pytest.raises(ConfigError, match="Bad CRC-32"):
        read_archive(tmp_path / "x.zip")


def test_a_file_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 100)
    with pytest.raises(ConfigError, match="is larger than"):
        read_archive(written(tmp_path / "x.zip", "a", "b"))


def test_an_encrypted_member(tmp_path):
    path = written(tmp_path / "x.zip", "a")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is encrypted"):
        read_archive(path)


def test_every_cut_is_noticed(bundle, tmp_path):
    content = bundle.file.read_bytes()
    for length in [0, 1, 21, 22, 100, len(content) // 2, len(content) - 1]:
        (tmp_path / "cut.zip").write_bytes(content[:length])
        with pytest.raises(ConfigError, match="is no zip file, or not a plain one"):
            read_archive(tmp_path / "cut.zip")


@pytest.mark.parametrize("change", ["comment", "no manifest", "other manifest", "no json"])
def test_what_is_no_bundle(change, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        if change != "no manifest":
            text = {"other manifest": '{"files": {}, "more": 1}', "no json": "{"}
            file.writestr("manifest.json", text.get(change, '{"files": {}}'))
        if change == "comment":
            file.comment = b"hello"
    with pytest.raises(ConfigError, match=r"not a plain one|has no manifest|manifest\.json: "):
        read_archive(tmp_path / "x.zip")


@pytest.mark.parametrize("path", ["nothing.zip", "."])
def test_no_file(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"No such file|Is a directory"):
        read_archive(path)
