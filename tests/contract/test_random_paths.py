r"""Random paths: the name that was uploaded is the name that is listed, and the name that is downloaded.

A few hundred by default, 10 000 with ASYNCUP_PATHS=10000; other ones with ASYNCUP_PATHS_SEED. Every file holds its own
path, so a mix-up of two names shows in the bytes. Not among the names: `/` and `\`, which separate, the control
characters, `.` and `..`, which the client refuses, and names of blanks only; nor `content` at the root: what is in it
cannot be listed, because `GET items/content/{item}` is the download of `{item}` (documented).
"""

import os
import random
import unicodedata
from pathlib import Path

import pytest

from asyncup import UploadOptions, upload_file
from asyncup.emulator import Switches
from asyncup.protocol.paths import parent_of
from tests.contract.targets import ADMIN, MEMBER, emulated_vault, scaled

PATHS = int(os.environ.get("ASYNCUP_PATHS", "300"))
SEED = os.environ.get("ASYNCUP_PATHS_SEED", "asyncup")
AT_ONCE = 250
ROOTS = {"admin": ADMIN, "member": MEMBER}
CHUNKS = [(root, number) for number in range(-(-PATHS // AT_ONCE // len(ROOTS)) or 1) for root in ROOTS]

NAME_MAX_BYTES = 218
DEPTH_MAX = 5
EVERY_NTH_THROUGH_A_SESSION = 10

PLAIN = "abcXYZ019"
ODD = " !\"#$%&'()*+,-.:;<=>?@[]^_`{|}~"
COMPOSED = "\u00e4\u00e9\u00f1\u00e5\u01d6\u1e9b\ud55c\uae00\u0439\u304c"
DECOMPOSED = tuple(unicodedata.normalize("NFD", letter) for letter in COMPOSED)
FAR = (
    "\u6587\u4ef6\u0645\u0644\u05d0\u0e01\u0e33\u0928\u093f\u03a9\ufb01\uff21\u212b\u2126\u0130\u0131\u00df\u1e9e\u03c2"
)
UNSEEN = "\u00a0\u00ad\u200b\u200d\u200e\u202e\u2028\u3000\ufeff\ufe0f"
BEYOND = "\U0001f600\U0001f468\U0001d11e\U00020000\U000e0101\uffff\ue000"
WORDS = ("%2F", "%00", "%25", "%5C", "+", "..", "...", "?recursive=true", "&limit=1", "content", "items", "parts")
ALPHABETS = (PLAIN, ODD, COMPOSED, DECOMPOSED, FAR, UNSEEN, BEYOND, WORDS)


def random_name(source: random.Random) -> str:
    """Return a name out of one, two or all alphabets, mostly short and now and then as long as can be."""
    chosen = source.choice((source.sample(ALPHABETS, 1), source.sample(ALPHABETS, 2), ALPHABETS))
    length = source.choice((1, 2, 3, 8, 8, 30, NAME_MAX_BYTES))
    name = "".join(source.choice(source.choice(chosen)) for _ in range(length))
    while len(name.encode()) > NAME_MAX_BYTES:
        name = name[:-1]
    return name if name.strip() and name not in (".", "..") else random_name(source)


def random_paths(source: random.Random, top: str, count: int) -> list[str]:
    """Return different paths below a folder, some of them in the same folders, some in two forms of Unicode.

    A folder's name is never a file's: that would be refused, and rightly.
    """
    folders, paths = [top], dict[str, None]()
    while len(paths) < count:
        folder = source.choice(folders)
        if folder.count("/") < DEPTH_MAX + top.count("/") and source.random() < 0.4:
            folders.append(f"{folder}/{random_name(source)}")
            folder = folders[-1]
        name = random_name(source)
        twins = {unicodedata.normalize(form, name) for form in ("NFC", "NFD")} if source.random() < 0.3 else {name}
        paths |= dict.fromkeys(f"{folder}/{twin}" for twin in sorted(twins) if len(twin.encode()) <= NAME_MAX_BYTES)
    return [path for path in paths if path not in folders][:count]


def test_the_names_are_as_odd_as_they_should_be() -> None:
    paths = random_paths(random.Random(SEED), "/top", AT_ONCE)
    names = [path.rpartition("/")[2] for path in paths]
    for character in "'#?%+&:* ":
        assert any(character in name for name in names), character
    assert any(not unicodedata.is_normalized("NFC", name) for name in names)
    assert any(not unicodedata.is_normalized("NFD", name) for name in names)
    assert len({unicodedata.normalize("NFC", path) for path in paths}) < len(paths), "no two forms of one name"
    assert max(len(name.encode()) for name in names) > NAME_MAX_BYTES - 10
    assert max(path.count("/") for path in paths) == DEPTH_MAX + 2


@pytest.mark.parametrize(("root", "number"), CHUNKS)
async def test_uploaded_listed_and_downloaded_names_are_the_same(root: str, number: int, tmp_path: Path) -> None:
    user, local = ROOTS[root], tmp_path / "local.bin"
    source = random.Random(f"{SEED} {root} {number}")
    top = "/u11" if user.is_admin else ""
    count = min(AT_ONCE, -(-PATHS // len(ROOTS)) - number * AT_ONCE)
    async with emulated_vault(scaled(Switches()), user) as (emulator, vault):
        paths = random_paths(source, f"{top}/{number} {random_name(source)[:50]}", count)
        for index, path in enumerate(paths):
            local.write_bytes(path.encode())
            is_through_session = index % EVERY_NTH_THROUGH_A_SESSION == 0
            options = UploadOptions(small_file_max=0 if is_through_session else None)
            asked = path if source.random() < 0.5 else path.removeprefix("/")
            done = await upload_file(local, asked, vault=vault, options=options)
            assert done.destination == path, ascii(path)
            assert (done.session_id is not None) == is_through_session
        everything = await vault.list_items(top or "/", recursive=True)
        listed = {item.path: item.size or 0 for item in everything if item.is_file}
        assert sorted(listed) == sorted(paths)
        for path in paths:
            slash = "/" * source.randrange(3)
            beside = await vault.list_items(parent_of(path) + slash)
            assert path in [item.path for item in beside if item.is_file], ascii(path)
            content = await vault.download(path + slash, offset=0, length=listed[path])
            assert content == path.encode(), ascii(path)
        assert {seen.error_type for seen in emulator.seen} <= {None, "ITEM_NAME_EXISTS"}  # of folders
