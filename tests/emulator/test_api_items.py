"""Items over HTTP: listing, reading, making, moving, deleting."""

import csv
import io
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from asyncup.emulator import DrivenClock, User
from tests.emulator.plain_vault import PlainVault, md5, plain_vault, switches

ITEMS = "services/file_staging/items"
ODD_NAMES = [
    "plain.bin", "with space", "it's", "a&b=c", "100%", "50%25", "q?x", "#1", "a+b", "a:b*c",
    "Café", "Cafe\u0301", "日本語", "😀", ";,@$~", "a%2Fb", '"quoted"', "<|>", "trailing.",
]  # fmt: skip


async def test_a_posted_file_answers_as_documented_and_is_there(vault: PlainVault) -> None:
    found = await vault.post_file("u1/a.txt", b"hello")
    assert found == {
        "responseStatus": "SUCCESS",
        "data": {
            "kind": "file",
            "path": "/u1/a.txt",
            "name": "a.txt",
            "size": 5,
            "file_content_md5": md5(b"hello"),
        },
    }
    assert vault.emulator.stored("/u1/a.txt").read_bytes() == b"hello"
    [row] = await vault.data("GET", f"{ITEMS}/u1")
    assert row.pop("modified_date").endswith("Z")
    assert row == {"kind": "file", "path": "/u1/a.txt", "name": "a.txt", "size": 5}


async def test_an_empty_file(vault: PlainVault) -> None:
    found = await vault.post_file("/u1/empty", b"")
    assert found["data"]["size"] == 0
    assert await vault.text("GET", f"/api/v25.2/{ITEMS}/content/u1/empty") == ""


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_odd_names_go_all_the_way_round(vault: PlainVault, name: str) -> None:
    await vault.post_file(f"/u1/{name}", name.encode())
    [row] = await vault.data("GET", f"{ITEMS}/u1/")
    assert row["name"] == name
    url = f"/api/v25.2/{ITEMS}/content/u1/{quote(name, safe='')}"
    assert await vault.text("GET", url) == name
    assert vault.emulator.stored(f"/u1/{name}").read_bytes() == name.encode()
    job = await vault.data("PUT", f"{ITEMS}/u1/{quote(name)}", data={"name": f"new {name}"})
    assert job["url"] == f"/api/v25.2/services/jobs/{job['job_id']}"
    assert await vault.names("u1") == [f"/u1/new {name}"]


async def test_what_cannot_be_made() -> None:
    async with plain_vault(switches=switches(item_max_bytes=100)) as vault:
        await vault.post_file("/u1/a", b"1")
        assert (await vault.post_file("/u1/a", b"2"))["errors"][0]["type"] == "ITEM_NAME_EXISTS"
        assert (await vault.post_file("/u1/a", b"22", overwrite="true"))["data"]["size"] == 2
        missing = await vault.post_file("/u1/no/a", b"1")
        assert missing["errors"][0]["message"] == "The parent folder [/u1/no/] cannot be found"
        large = await vault.post_file("/u1/b", b"x" * 101)
        assert large["errors"][0]["type"] == "EXCEEDS_FILE_MAX_SIZE"
        assert await vault.error("POST", ITEMS, data={"path": "/u1/x"}) == "PARAMETER_REQUIRED"
        form = {"kind": "file", "path": "/u1/x"}
        assert await vault.error("POST", ITEMS, data=form) == "PARAMETER_REQUIRED"
        assert await vault.error("POST", ITEMS, data={**form, "kind": "x"}) == "INVALID_DATA"
        broken = {"headers": {"Content-Type": "multipart/form-data"}, "data": b"x"}
        assert await vault.error("POST", ITEMS, **broken) == "INVALID_DATA"
        assert await vault.names("u1") == ["/u1/a"]


async def test_folders_urlencoded_and_in_capitals(vault: PlainVault) -> None:
    form = {"kind": "FOLDER", "path": "u1/new"}
    found = await vault.data("POST", ITEMS, data=form)
    assert found == {"kind": "folder", "path": "/u1/new/", "name": "new"}
    assert vault.emulator.stored("/u1/new").is_dir()
    assert await vault.error("POST", ITEMS, data=form) == "ITEM_NAME_EXISTS"


async def test_members_see_their_own_folder_as_the_root() -> None:
    users = (User(), User("m", "p", 42, "member"))
    async with plain_vault(users=users, tokens={"M": 42}) as vault:
        vault.authorization = "M"
        await vault.post_file("/a", b"1")
        assert await vault.names() == ["/a"]
        vault.authorization = "T"
        assert await vault.names(recursive="true") == ["/u1/", "/u42/", "/u42/a"]


async def test_nobody_moves_or_deletes_their_own_root() -> None:
    users = (User(), User("m", "p", 42, "member"))
    async with plain_vault(users=users, tokens={"M": 42}) as vault:
        for vault.authorization in ("T", "M"):
            root = f"{ITEMS}/"
            assert await vault.error("DELETE", f"{root}?recursive=true") == "OPERATION_NOT_ALLOWED"
            assert (await vault.call("PUT", root, data={"name": "x"}))["responseStatus"] == "FAILURE"


async def test_other_spellings_of_one_name_are_one_file_on_disk_too() -> None:
    same = switches(case_sensitive=False, unicode_nfc=True)
    async with plain_vault(switches=same) as vault:
        await vault.post_folder("/u1/Caf\u00e9")
        await vault.post_file("/U1/cafe\u0301/A", b"1")
        await vault.post_file("/u1/CAF\u00c9/a", b"22", overwrite="true")
        job = await vault.upload("/u1/CAFE\u0301/B", b"x" * 20)
        assert await vault.job_status(job) == "SUCCESS"
        assert await vault.names("u1/caf\u00e9") == ["/u1/Caf\u00e9/A", "/u1/Caf\u00e9/B"]
        assert await vault.text("GET", f"/api/v25.2/{ITEMS}/content/U1/CAF%C3%89/a") == "22"
        assert vault.emulator.stored("/u1/Caf\u00e9/B").read_bytes() == b"x" * 20


async def test_listing_variants() -> None:
    plain = switches(folder_slash=False, recursive_folders=False, list_missing="empty")
    async with plain_vault(switches=plain) as vault:
        await vault.post_folder("/u1/sub")
        await vault.post_file("/u1/sub/a", b"1")
        assert await vault.names() == ["/u1"]
        assert await vault.names(recursive="true") == ["/u1/sub/a"]
        assert await vault.names("nothing") == []
    async with plain_vault() as vault:
        assert await vault.error("GET", f"{ITEMS}/nothing") == "INVALID_DATA"


@pytest.mark.parametrize("keeps_item", [True, False])
async def test_pages_of_a_listing(*, keeps_item: bool) -> None:
    clock = DrivenClock()
    async with plain_vault(clock=clock, switches=switches(next_page_item=keeps_item)) as vault:
        for number in range(5):
            await vault.post_file(f"/u1/{number}", b"1")
        found = await vault.call("GET", f"{ITEMS}/u1?limit=2&recursive=true")
        url = found["responseDetails"]["next_page"]
        assert url.startswith(vault.emulator.url)
        assert ("/u1?" in url) == keeps_item
        assert url.endswith("&limit=2&recursive=true")
        # What is added meanwhile does not shift the pages, and a page may be asked for again.
        await vault.post_file("/u1/00", b"1")
        for _ in range(2):
            second = await vault.call("GET", url)
            assert [row["name"] for row in second["data"]] == ["2", "3"]
        await vault.emulator.advance(1801)
        assert await vault.error("GET", url) == "INVALID_DATA"


async def test_download_and_ranges(vault: PlainVault) -> None:
    await vault.post_file("/u1/a.txt", b"0123456789")
    path = f"/api/v25.2/{ITEMS}/content/u1/a.txt"
    assert await vault.text("GET", path) == "0123456789"
    assert vault.last_headers["content-type"] == "application/octet-stream;charset=UTF-8"
    assert vault.last_headers["content-disposition"] == 'attachment;filename="a.txt"'
    for asked, expected, shown in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=5-", "56789", "bytes 5-9/10"),
    ]:
        assert await vault.text("GET", path, headers={"Range": asked}) == expected
        assert (vault.last_status, vault.last_headers["content-range"]) == (206, shown)
    for asked in ("bytes=10-11", "bytes=4-2", "items=1-2"):
        assert await vault.error("GET", path, headers={"Range": asked}) == "INVALID_DATA"
    assert await vault.error("GET", f"{ITEMS}/content/u1") == "INVALID_DATA"
    assert await vault.error("GET", f"{ITEMS}/content/u1/none") == "INVALID_DATA"


async def test_moves_and_deletes_are_jobs() -> None:
    slow = switches(job_duration_s=5.0, job_poll_min_s=0)
    async with plain_vault(clock=DrivenClock(), switches=slow) as vault:
        for folder in ("/u1/a", "/u1/b"):
            await vault.post_folder(folder)
        await vault.post_file("/u1/a/file", b"1")
        found = await vault.data("PUT", f"{ITEMS}/u1/a", data={"parent": "/u1/b", "name": "c"})
        assert await vault.names("u1", recursive="true") == ["/u1/a/", "/u1/a/file", "/u1/b/"]
        # While that job is not done, another one gets no job id (seen live).
        assert await vault.data("DELETE", f"{ITEMS}/u1/a?recursive=true") == {}
        await vault.emulator.advance(5)
        assert await vault.job_status(found["job_id"]) == "SUCCESS"
        assert await vault.names("u1", recursive="true") == ["/u1/b/", "/u1/b/c/", "/u1/b/c/file"]
        assert vault.emulator.stored("/u1/b/c/file").read_bytes() == b"1"
        assert await vault.error("DELETE", f"{ITEMS}/u1/b") == "OPERATION_NOT_ALLOWED"
        await vault.data("DELETE", f"{ITEMS}/u1/b?recursive=true")
        await vault.emulator.advance(5)
        assert await vault.names("u1") == []
        assert not vault.emulator.stored("/u1/b").exists()


async def test_moves_that_cannot_be(vault: PlainVault) -> None:
    await vault.post_file("/u1/a", b"1")
    await vault.post_file("/u1/b", b"1")
    path = f"{ITEMS}/u1/a"
    assert await vault.error("PUT", path, data={}) == "PARAMETER_REQUIRED"
    assert await vault.error("PUT", path, data={"name": "b"}) == "ITEM_NAME_EXISTS"
    assert await vault.error("PUT", path, data={"name": "x/y"}) == "INVALID_DATA"
    assert await vault.error("PUT", path, data={"parent": "/u1/none"}) == "INVALID_DATA"
    assert await vault.error("DELETE", f"{ITEMS}/u1/none") == "INVALID_DATA"


async def test_a_busy_item_may_be_refused() -> None:
    busy = switches(job_duration_s=5.0, busy_item="refused")
    async with plain_vault(clock=DrivenClock(), switches=busy) as vault:
        await vault.post_file("/u1/a", b"1")
        await vault.data("PUT", f"{ITEMS}/u1/a", data={"name": "b"})
        assert await vault.error("DELETE", f"{ITEMS}/u1/a") == "OPERATION_IN_PROGRESS"


async def test_a_job_that_finds_things_changed_fails() -> None:
    settings = switches(job_duration_s=5.0, busy_item="allowed", job_poll_min_s=0)
    async with plain_vault(clock=DrivenClock(), switches=settings) as vault:
        await vault.post_file("/u1/a", b"1")
        jobs = [(await vault.data("DELETE", f"{ITEMS}/u1/a"))["job_id"] for _ in range(2)]
        await vault.emulator.advance(5)
        states = {await vault.job_status(job) for job in jobs}
        assert states == {"SUCCESS", "ERRORS_ENCOUNTERED"}


async def test_a_listing_as_csv() -> None:
    slow = switches(job_duration_s=5.0, job_poll_min_s=0)
    async with plain_vault(clock=DrivenClock(), switches=slow) as vault:
        await vault.post_file('/u1/a "b", c', b"123")
        found = await vault.data("GET", f"{ITEMS}/?recursive=true&format_result=CSV")
        path = f"services/jobs/{found['job_id']}"
        assert await vault.error("GET", f"{path}/results") == "INVALID_DATA"
        await vault.emulator.advance(5)
        links = {link["rel"]: link for link in (await vault.data("GET", path))["links"]}
        text = await vault.text("GET", links["results"]["href"])
        assert text.splitlines()[0] == '"kind","path","name","size","modified_date"'
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(row["path"], row["size"]) for row in rows] == [
            ("/u1/", ""),
            ('/u1/a "b", c', "3"),
        ]
        missing = f"{ITEMS}/none?format_result=csv"
        assert await vault.error("GET", missing) == "INVALID_DATA"


NAMES = st.text(
    st.characters(exclude_characters="/\\", exclude_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=20,
).filter(lambda name: name not in {".", ".."})


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(NAMES, min_size=1, max_size=4))
async def test_any_names_round_trip(vault: PlainVault, names: set[str]) -> None:
    created: dict[str, Any] = {}
    for name in names:
        await vault.post_file(f"/u1/{name}", name.encode(), overwrite="true")
        created[name] = name
    listed = {row["name"] for row in await vault.data("GET", f"{ITEMS}/u1")}
    assert names <= listed
    for name in names:
        path = f"{vault.emulator.url}/api/v25.2/{ITEMS}/content/u1/{quote(name, safe='')}"
        async with vault.http.get(path, headers={"Authorization": "T"}) as answer:
            assert (await answer.read()).decode() == name
