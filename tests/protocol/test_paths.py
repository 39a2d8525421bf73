"""Paths in file staging and in URLs: nothing is lost on the way there and back, and nothing leads elsewhere."""

import re
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given, strategies as st

from asyncup.errors import ConfigurationError, DestinationError
from asyncup.protocol.paths import (
    file_destination,
    is_inside,
    join,
    name_of,
    next_page_target,
    parent_of,
    same_path,
    url_path,
    url_segment,
)
from tests.protocol.outcome import outcome_of

ROOT = "/api/v25.2"
ODD = st.characters(categories=["Cs", "Cc"]) | st.sampled_from('/\\.:*?"<>|%+&=# ')
ANY_TEXT = st.text(st.characters() | ODD, max_size=20)
NAME = st.text(st.characters(exclude_characters="/\\", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
PATH = st.lists(NAME, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))


@given(PATH, st.booleans())
@example("/ ", False)
@example("/X", False)
def test_a_destination_is_absolute_with_or_without_its_slash(path: str, slash: bool) -> None:
    assert file_destination(path if slash else path[1:]) == path


@given(ANY_TEXT | PATH)
def test_any_text_is_a_destination_or_refused(text: str) -> None:
    path = outcome_of(lambda: file_destination(text), DestinationError)
    if isinstance(path, DestinationError):
        assert path.destination == text
        assert "/u42/folder/video.mp4" in str(path)
        return
    assert file_destination(path) == path
    assert same_path(path, text)
    assert path.encode("utf-8").decode("utf-8") == path
    assert not set(map(chr, range(32))) & set(path)
    assert not {"", ".", ".."} & set(path[1:].split("/"))
    assert join(parent_of(path), name_of(path)) == path
    assert unquote(url_path(path), errors="strict") == path[1:]


@pytest.mark.parametrize(
    "destination",
    ["", "/", "//", "/u1/", "/u1//a", "//a", "/u1/../a", "/./a", "..", "/u1/a\n", "/u1/\x00", "/u1/\x7f", "/u1/\udcff"],
)
def test_what_names_no_file_is_refused(destination: str) -> None:
    with pytest.raises(DestinationError):
        file_destination(destination)


@pytest.mark.parametrize(
    ("destination", "reason"),
    [
        ("", "has no file name"),
        ("//", "has no file name"),
        ("/u1/", "ends in a slash, so"),
        ("/u1//a", "holds the segment ''"),
        ("/u1/../a", "holds the segment '..'"),
        ("/u1/a\n", "holds a control character"),
        ("/u1/a\\b", "holds a backslash, which Vault takes"),
        ("/u1/\udcff", "is not Unicode"),
    ],
)
def test_the_reason_is_said(destination: str, reason: str) -> None:
    with pytest.raises(DestinationError, match=re.escape(f"{destination!r} {reason}")) as refused:
        file_destination(destination)
    assert refused.value.destination == destination


@given(PATH, st.sampled_from(["", "/"]), st.sampled_from(["", "/"]))
def test_a_url_path_decodes_to_the_path(path: str, before: str, behind: str) -> None:
    encoded = url_path(before + path[1:] + behind)
    assert unquote(encoded, errors="strict") == path[1:]
    assert encoded.count("/") == path[1:].count("/")
    assert encoded.isascii()
    assert not set(encoded) & set(' ?#\\"<>|+&=:*')
    # A server that splits the URL finds the path, and nothing else.
    assert urlsplit(f"https://vault{ROOT}/items/{encoded}?a=b").path == f"{ROOT}/items/{encoded}"


@given(st.lists(st.sampled_from(["a", ".", "..", "\udcff"]), max_size=4).map("/".join))
@example("u1/../u2")
def test_a_url_path_never_leads_elsewhere(path: str) -> None:
    segments = path.split("/")
    if {".", "..", "\udcff"} & set(segments):
        with pytest.raises(DestinationError):
            url_path(path)
    else:
        assert url_path(path) == path


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_what_no_encoding_keeps_in_one_segment_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be an id"):
        url_segment(text)


@given(ANY_TEXT.filter(lambda text: text not in ("", ".", "..")))
def test_a_segment_stays_one_segment(text: str) -> None:
    segment = url_segment(text)
    assert segment.isascii()
    assert not set(segment) & set('/ ?#\\"<>|+&=:*')
    if text.isprintable():
        assert unquote(segment, errors="strict") == text


@given(NAME, PATH)
def test_a_name_joins_its_folder_and_comes_off_again(name: str, folder: str) -> None:
    for written in (folder, folder + "/"):
        path = join(written, name)
        assert path == f"{folder}/{name}"
        assert (parent_of(path), name_of(path)) == (folder, name)


def test_the_root_is_a_folder_like_others() -> None:
    assert join("/", "a") == "/a"
    assert parent_of("/u1/ab/") == parent_of("/u1/X") == parent_of("/u1/a ") == "/u1"
    assert parent_of("/a") == parent_of("a") == parent_of("/") == "/"
    assert name_of("/a/") == name_of("a") == "a"
    assert url_path("/") == url_path("") == ""


@given(PATH, PATH)
def test_slashes_at_the_ends_make_no_other_path(one: str, other: str) -> None:
    assert same_path(one, one[1:] + "/")
    assert same_path(one, other) is (one == other)


@pytest.mark.parametrize(
    ("next_page", "target"),
    [
        ("https://myvault.veevavault.com/api/v25.2/a/b?cursor=x&limit=5", "/api/v25.2/a/b?cursor=x&limit=5"),
        ("https://other.example/api/v25.2/a?cursor=x", "/api/v25.2/a?cursor=x"),
        ("http://user:pw@other.example:1/api/v25.2/a", "/api/v25.2/a"),
        ("//other.example/api/v25.2/a", "/api/v25.2/a"),
        ("/api/v24.1/a?cursor=x", "/api/v24.1/a?cursor=x"),
        ("/services/a?cursor=x", "/api/v25.2/services/a?cursor=x"),
        ("services/a?cursor=x", "/api/v25.2/services/a?cursor=x"),
        ("services/a", "/api/v25.2/services/a"),
        ("/api", "/api/v25.2/api"),
        # The documents' own sample lacks the & before limit: that is Vault's to understand.
        ("/api/v25.2/a?cursor=xlimit=5", "/api/v25.2/a?cursor=xlimit=5"),
        ("/api/v25.2/a?cursor=a%2Bb%3D", "/api/v25.2/a?cursor=a%2Bb%3D"),
    ],
)
def test_a_next_page_in_its_three_shapes(next_page: str, target: str) -> None:
    assert next_page_target(next_page, ROOT) == target


@given(
    ANY_TEXT
    | ANY_TEXT.map("https://{}".format)
    | st.tuples(st.sampled_from(["", "//", "http://evil.example", "///", "https:"]), ANY_TEXT).map("".join)
)
@example("http://[")
@example("@evil.example/x")
def test_a_next_page_never_leads_to_another_host(next_page: str) -> None:
    try:
        target = next_page_target(next_page, ROOT)
    except ValueError:
        return  # it is no URL at all
    assert target.startswith("/api/")
    url = urlsplit("https://myvault.veevavault.com" + target)
    assert (url.scheme, url.netloc) == ("https", "myvault.veevavault.com")


@pytest.mark.parametrize(
    ("path", "folder", "inside"),
    [
        ("/u1/ab/c", "/u1/ab", True),
        ("/u1/ab/c/d", "u1/ab/", True),
        ("/u11/abc", "/u1", False),
        ("/u1/abc", "/u1/ab", False),
        ("/u1/ab/", "/u1/ab", False),
        ("/u1/XY", "/u1/X", False),
        ("/anything", "/", True),
        ("/anything/deeper", "", True),
        ("/U1/AB/c", "/u1/ab", True),
        ("/u1/e\u0301/c", "/u1/\u00e9", True),
    ],
)
def test_a_row_is_inside_a_folder_or_only_begins_like_it(path: str, folder: str, inside: bool) -> None:
    assert is_inside(path, folder) is inside
