"""Odd names, in every place where a name is written (fact sheet 7: paths and names)."""

import unicodedata

import pytest

from asyncup import VaultError
from tests.contract.place import Place

ODD_NAMES = {
    "what Windows and shells forbid": """ it's "two"  a:b*c<d>|[e]{f}(g)^`~@$!,....bin""",
    "what URLs reserve": "a#b?recursive=true&limit=1;c+d%20%2F%=.bin",
    "composed, decomposed and other scripts": "\N{LATIN SMALL LETTER U WITH DIAERESIS}u\N{COMBINING DIAERESIS}"
    "\u6587\u4ef6 \u0645\u0644\u0641 \N{GRINNING FACE}.bin",
    "an endpoint and long": "content" * 30 + ".bin",
}
THROUGH_SESSIONS = ("what URLs reserve", "composed, decomposed and other scripts")


async def test_an_odd_name_is_the_same_everywhere(place: Place) -> None:
    """As a folder and as a file, uploaded, listed, downloaded, moved, renamed and deleted."""
    for number, (kind, name) in enumerate(ODD_NAMES.items()):
        top, content = place.path(str(number)), place.content(10)
        folder, upload = f"{top}/{name}", place.upload if kind in THROUGH_SESSIONS else place.upload_small
        await upload(f"{folder}/{name}", content)
        assert await place.names(top) == [name], kind
        assert await place.names(folder) == [name], kind
        assert await place.stored(f"{folder}/{name}") == content, kind
        await place.settle(await place.vault.move_item(f"{folder}/{name}", parent=top, name=f"{name[:200]}-2"))
        assert await place.stored(f"{top}/{name[:200]}-2") == content, kind
        await place.settle(await place.vault.delete_item(folder))
        assert await place.names(top) == [f"{name[:200]}-2"], kind


@pytest.mark.parametrize(
    "names",
    [("a.bin", "A.bin"), tuple(unicodedata.normalize(form, "\u00fcber.bin") for form in ("NFC", "NFD"))],
    ids=["case", "unicode"],
)
async def test_two_names_that_may_be_one_are_never_mixed_up(place: Place, names: tuple[str, str]) -> None:
    """Whether Vault tells them apart is unknown: it keeps both, or refuses the second."""
    first, second = place.content(10), place.content(20)
    await place.upload_small(place.path(names[0]), first)
    try:
        await place.upload_small(place.path(names[1]), second)
    except VaultError:
        assert await place.names() == [names[0]]
        assert await place.stored(place.path(names[0])) == first
    else:
        assert await place.names() == sorted(names)
        assert await place.stored(place.path(names[0])) == first
        assert await place.stored(place.path(names[1])) == second
