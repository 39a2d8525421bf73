"""A manifest: what good rows become, and what every kind of broken row is called."""

import csv
import io
import json
import os
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import given, strategies as st

from asyncup.bulk.errors import ManifestError
from asyncup.bulk.inputs.csv_rows import LONGEST_RECORD, csv_records
from asyncup.bulk.inputs.item import BrokenInput, Input, Trouble, UploadItem
from asyncup.bulk.inputs.manifest import manifest_rows, read_manifest
from asyncup.bulk.inputs.text_lines import LONGEST_LINE, LineReader
from tests.pipeline.leftovers import open_files, opened_since

MD5 = "0123456789ABCDEF0123456789abcdef"


def rows_of(folder: Path, content: str | bytes, name: str = "m.csv", destination: str = "/") -> list[Input]:
    manifest = folder / name
    manifest.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(manifest_rows(manifest, destination=destination))


# Good rows.


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_a_row_of_csv(tmp_path: Path, bom: bytes, end: str) -> None:
    text = end.join(
        [
            "file,name__v,path,size,md5,overwrite,type__v",
            f'sub/a.pdf,"Text, with ""quotes""",/u1/a.pdf,12,{MD5},Yes,Ümlaut',
            "",
            "/abs/b.pdf,,u1/b.pdf,,,,",
        ]
    )
    assert rows_of(tmp_path, bom + text.encode(), destination="/base") == [
        UploadItem(
            file=str(tmp_path / "sub/a.pdf"),
            path="/u1/a.pdf",
            size=12,
            md5=MD5.lower(),
            overwrite=True,
            columns={"name__v": 'Text, with "quotes"', "type__v": "Ümlaut"},
            row=2,
        ),
        UploadItem(file="/abs/b.pdf", path="/base/u1/b.pdf", columns={"name__v": "", "type__v": ""}, row=4),
    ]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("name", ["m.jsonl", "m.NDJSON"])
def test_a_row_of_json_lines(tmp_path: Path, bom: bytes, name: str) -> None:
    full = {
        "name__v": None,
        "file": "a.pdf",
        "path": "/u1/a.pdf",
        "size": 0,
        "md5": MD5,
        "overwrite": False,
        "n": [1, {"x": 2}],
    }
    lines = [json.dumps(full), "", '{"path": "/b", "file": "caf\\udce9"}']
    assert rows_of(tmp_path, bom + "\r\n".join(lines).encode(), name) == [
        UploadItem(
            file=str(tmp_path / "a.pdf"),
            path="/u1/a.pdf",
            size=0,
            md5=MD5.lower(),
            overwrite=False,
            columns={"name__v": None, "n": [1, {"x": 2}]},
            row=1,
        ),
        UploadItem(file=str(tmp_path / "caf\udce9"), path="/b", row=3),
    ]


def test_further_columns_keep_their_order(tmp_path: Path) -> None:
    [item] = rows_of(tmp_path, "z,file,a,path,m\n1,f,2,/p,3\n")
    assert isinstance(item, UploadItem)
    assert list(item.columns.items()) == [("z", "1"), ("a", "2"), ("m", "3")]


def test_a_relative_manifest_has_absolute_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.csv").write_text("file,path\na,/a\n")
    monkeypatch.chdir(tmp_path)
    [item] = manifest_rows("m.csv")
    assert isinstance(item, UploadItem)
    assert item.file == str(tmp_path / "a")


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(',"\t\n'), max_size=8)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=5))
def test_what_a_csv_writer_wrote_is_read(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    read = [record.cells for record in csv_records(LineReader(io.StringIO(text.getvalue(), newline="")))]
    assert read == [tuple(row) for row in rows]


# Broken rows.

CSV_TROUBLES = [
    (b"a", Trouble.TOO_FEW_CELLS),
    (b"a,/a,,,,,", Trouble.TOO_MANY_CELLS),
    (b",/a,,,,", Trouble.EMPTY_FILE),
    (b"  ,/a,,,,", Trouble.EMPTY_FILE),
    (b"a,,,,,", Trouble.EMPTY_PATH),
    (b"a,/a,1.5,,,", Trouble.SIZE_NOT_A_NUMBER),
    (b"a,/a,1_0,,,", Trouble.SIZE_NOT_A_NUMBER),
    (b"a,/a," + b"9" * 9000 + b",,,", Trouble.SIZE_NOT_A_NUMBER),
    (b"a,/a,9223372036854775808,,,", Trouble.SIZE_NOT_A_NUMBER),
    (b"a,/a,-1,,,", Trouble.SIZE_NEGATIVE),
    (b"a,/a,,abc,,", Trouble.MD5_NOT_HEX),
    (b"a,/a,,0123456789abcdef0123456789abcdeg,,", Trouble.MD5_NOT_HEX),
    (b"a,/a,,,maybe,", Trouble.OVERWRITE_NOT_BOOLEAN),
    (b"a\0b,/a,,,,", Trouble.NUL),
    (b"a,/a,,,,\0", Trouble.NUL),
    (b"caf\xe9,/a,,,,", Trouble.NOT_UTF8),
    (b"a,/a/../b,,,,", Trouble.DESTINATION),
    (b"a,/a/,,,,", Trouble.DESTINATION),
    (b"a,/a\tb,,,,", Trouble.DESTINATION),
    (b'"a"b,/a,,,,', Trouble.QUOTES),
    (b'"a,/a,,,,', Trouble.QUOTES),
    (b"a,/a,,,," + b"x" * LONGEST_LINE * 2, Trouble.LINE_TOO_LONG),
    (b"a,/a,,,," + b"x" * 200_000, Trouble.QUOTES),  # more than Python's reader takes into one cell
]
JSON_TROUBLES = [
    (b'{"file": "a", "path": "/a"', Trouble.INVALID_JSON),
    (b"[" * 100_000, Trouble.INVALID_JSON),
    (b'{"file": "a", "path": "/a", "size": NaN}', Trouble.INVALID_JSON),
    (b'["a", "/a"]', Trouble.NOT_AN_OBJECT),
    (b'{"path": "/a"}', Trouble.MISSING_FIELD),
    (b'{"file": "a"}', Trouble.MISSING_FIELD),
    (b'{"file": null, "path": "/a"}', Trouble.MISSING_FIELD),
    (b'{"file": 7, "path": "/a"}', Trouble.WRONG_TYPE),
    (b'{"file": "a", "path": ["/a"]}', Trouble.WRONG_TYPE),
    (b'{"file": "a", "path": "/a", "md5": 7}', Trouble.WRONG_TYPE),
    (b'{"file": "", "path": "/a"}', Trouble.EMPTY_FILE),
    (b'{"file": "a", "path": " "}', Trouble.EMPTY_PATH),
    (b'{"file": "a", "path": "/a", "size": "7"}', Trouble.SIZE_NOT_A_NUMBER),
    (b'{"file": "a", "path": "/a", "size": true}', Trouble.SIZE_NOT_A_NUMBER),
    (b'{"file": "a", "path": "/a", "size": 7.0}', Trouble.SIZE_NOT_A_NUMBER),
    (b'{"file": "a", "path": "/a", "size": -7}', Trouble.SIZE_NEGATIVE),
    (b'{"file": "a", "path": "/a", "md5": "7"}', Trouble.MD5_NOT_HEX),
    (b'{"file": "a", "path": "/a", "overwrite": "true"}', Trouble.OVERWRITE_NOT_BOOLEAN),
    (b'{"file": "a\\u0000", "path": "/a"}', Trouble.NUL),
    (b'{"file": "\xff", "path": "/a"}', Trouble.NOT_UTF8),
    (b'{"file": "\\ud800", "path": "/a"}', Trouble.NOT_UTF8),
    (b'{"file": "a", "path": "/\\udce9"}', Trouble.DESTINATION),
    (b'{"file": "' + b"a" * LONGEST_LINE + b'"}', Trouble.LINE_TOO_LONG),
]


@pytest.mark.parametrize(
    ("name", "head", "good", "row", "trouble"),
    [("m.csv", b"file,path,size,md5,overwrite,x\n", b"%s,/%s,,,,\n", *case) for case in CSV_TROUBLES]
    + [("m.jsonl", b"", b'{"file": "%s", "path": "/%s"}\n', *case) for case in JSON_TROUBLES],
    ids=[f"csv-{n}-{case[1]}" for n, case in enumerate(CSV_TROUBLES)]
    + [f"jsonl-{n}-{case[1]}" for n, case in enumerate(JSON_TROUBLES)],
)
def test_a_broken_row_is_named_by_its_line_and_hides_no_other(
    tmp_path: Path, name: str, head: bytes, good: bytes, row: bytes, trouble: Trouble
) -> None:
    lines = head + good % (b"first", b"first") + row + b"\n" + good % (b"last", b"last")
    first, broken, last = rows_of(tmp_path, lines, name)
    assert isinstance(broken, BrokenInput)
    assert (broken.trouble, broken.row) == (trouble, 2 + head.count(b"\n"))
    for text in (broken.reason, broken.name):
        assert text.isprintable()
        assert text
        assert len(text) < 1000
    assert isinstance(first, UploadItem)
    assert isinstance(last, UploadItem)
    assert (first.path, last.path, last.row) == ("/first", "/last", 3 + head.count(b"\n"))


def test_every_trouble_of_a_row_was_seen() -> None:
    seen = {trouble for _, trouble in CSV_TROUBLES + JSON_TROUBLES}
    assert {t for t in Trouble if not t.is_of_source} == seen | {Trouble.SAME_DESTINATION}


def test_a_quote_that_is_never_closed_swallows_nothing(tmp_path: Path) -> None:
    many = LONGEST_RECORD * 3
    rows = ["file,path", '"a,/a', *(f"f{n},/f{n}" for n in range(many))]
    broken, *good = rows_of(tmp_path, "\n".join(rows))
    assert isinstance(broken, BrokenInput)
    assert (broken.trouble, broken.row) == (Trouble.QUOTES, 2)
    assert [item.row for item in good] == list(range(3, 3 + many))


def test_a_cell_may_hold_line_ends(tmp_path: Path) -> None:
    one, two = rows_of(tmp_path, 'file,path,x\na,/a,"1\n2\n"\nb,/b,\n')
    assert isinstance(one, UploadItem)
    assert one.columns == {"x": "1\n2\n"}
    assert (one.row, two.row) == (2, 5)


@given(st.binary(max_size=300), st.sampled_from(["m.csv", "m.jsonl"]))
def test_any_bytes_end_in_rows(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    rows = rows_of(folder, b"file,path\n" + content, name)
    assert all(row.row is not None and row.row >= 1 for row in rows)
    assert sorted({row.row or 0 for row in rows}) == [row.row for row in rows]


# The manifest as a whole.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("file\na\n", "no column 'path'"),
        ("a,b\n", "only 'a', 'b'"),
        ("file,path,file\n", "two columns 'file'"),
        ("file,path,\n", "column 3 has no name"),
        ('"file,path\n', "line 1"),
        ("file,path\n".encode("utf-16"), "no column 'file'"),
    ],
)
def test_a_first_line_that_names_no_columns(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(ManifestError, match=words) as raised:
        rows_of(tmp_path, content)
    assert raised.value.hint


def test_a_manifest_that_cannot_be_read(tmp_path: Path) -> None:
    for name, words in (("missing.csv", "cannot be opened"), ("a\0.csv", "cannot be opened"), ("m.xlsx", "neither")):
        with pytest.raises(ManifestError, match=words):
            list(manifest_rows(tmp_path / name))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ManifestError, match="cannot be opened"):
        list(manifest_rows(tmp_path / "folder.csv"))


# Read from the event loop.


async def test_it_is_read_off_the_loop_and_only_as_far_as_asked(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("file,path\n" + "".join(f"f{n},/f{n}\n" for n in range(5000)))
    before = open_files()
    async with aclosing(read_manifest(manifest)) as rows:
        assert (await anext(rows)).row == 2
        assert opened_since(before) == [str(manifest)]
    with blockbuster_ctx():
        assert [row.row async for row in read_manifest(manifest)] == list(range(2, 5002))
    assert opened_since(before) == []


async def test_a_missing_manifest_is_told_to_the_loop(tmp_path: Path) -> None:
    with pytest.raises(ManifestError):
        await anext(read_manifest(tmp_path / "missing.csv"))


PEAK = """
import asyncio, resource, sys
from asyncup.bulk.inputs.manifest import read_manifest
async def total(path):
    n = 0
    async for _ in read_manifest(path):
        n += 1
    return n
print(asyncio.run(total(sys.argv[1])), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_a_long_manifest_takes_the_memory_of_a_short_one(tmp_path: Path, name: str) -> None:
    def peak_kib(rows: int) -> int:
        manifest = tmp_path / f"{rows}-{name}"
        with manifest.open("w") as file:
            file.write("file,path,x\n" if name == "m.csv" else "")
            form = "f%d,/u1/f%d,x\n" if name == "m.csv" else '{"file": "f%d", "path": "/u1/f%d"}\n'
            file.writelines(form % (n, n) for n in range(rows))
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(manifest)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        )
        counted, kib = map(int, done.stdout.split())
        assert counted == rows
        return kib

    assert peak_kib(200_000) - peak_kib(2_000) < 4 * 1024
