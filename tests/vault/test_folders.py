"""The folders that a file needs: made top-down, each once, whoever else makes them at the same time."""

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, strategies as st

from asyncup.errors import AccessRefused, AsyncupError, ItemExists, LoginError, Phase, TransportError, VaultError
from asyncup.vault.folders import Folders
from tests.fakes.memory_vault import Endpoint, MemoryVault, lost_after, lost_before, refused, unreachable

NAMES = st.sampled_from(["a", "b", "u1", "u2x", "user", "ua"])
FOLDERS = st.lists(NAMES, max_size=4).map(lambda names: "/" + "/".join(names))


class Made:
    """Folders that exist, and the order in which they were made."""

    def __init__(self, *there: str) -> None:
        self.there = {"", "/u1", *there}
        self.made: list[str] = []

    async def create(self, path: str) -> None:
        await anyio.lowlevel.checkpoint()
        assert path.rpartition("/")[0] in self.there, "the parent first"
        if path in self.there:
            raise ItemExists("x", status=200)
        self.there.add(path)
        self.made.append(path)


@given(st.lists(FOLDERS, max_size=6), st.booleans())
async def test_every_folder_is_made_once_and_after_its_parent(wanted: list[str], at_once: bool) -> None:
    vault = Made()
    folders = Folders(vault.create)
    async with anyio.create_task_group() as tasks:
        for folder in wanted:
            if at_once:
                tasks.start_soon(folders.ensure, folder)
            else:
                await folders.ensure(folder)
    names = [folder.strip("/").split("/") for folder in wanted]
    needed = {"/" + "/".join(each[: depth + 1]) for each in names for depth in range(len(each))} - {"/", "/u1"}
    assert sorted(vault.made) == sorted(needed)
    made_before = list(vault.made)
    for folder in wanted:
        await folders.ensure(folder)
    assert vault.made == made_before, "what is known is not made again"


@pytest.mark.parametrize(
    ("folder", "made"),
    [
        ("/u42", []),
        ("/u42/a", ["/u42/a"]),
        ("/", []),
        ("", []),
        ("/u42x", ["/u42x"]),
        ("/a/u42", ["/a", "/a/u42"]),
        ("a/b/", ["/a", "/a/b"]),
    ],
)
async def test_a_users_home_is_not_ours_to_make(folder: str, made: list[str]) -> None:
    vault = Made("/u42")
    await Folders(vault.create).ensure(folder)
    assert vault.made == made


async def test_a_folder_that_exists_is_asked_for_once() -> None:
    memory = MemoryVault()
    memory.folders.add("/a")
    async with memory.vault() as vault:
        for _ in range(3):
            await vault.folders.ensure("/a/b")
    assert memory.count(Endpoint.CREATE_ITEM) == 2
    assert memory.folders >= {"/a", "/a/b"}


async def test_lanes_that_need_the_same_folder_make_it_once() -> None:
    memory = MemoryVault()
    async with memory.vault() as vault, anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(vault.folders.ensure, f"/u1/batch/{number % 2}")
    assert memory.effects == [Endpoint.CREATE_ITEM] * 3
    assert memory.count(Endpoint.CREATE_ITEM) == 3


@pytest.mark.parametrize("fault", [lost_before(), lost_after(), unreachable()], ids=["before", "after", "away"])
async def test_a_lost_answer_leaves_the_folder_there(fault: object) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, fault)  # type: ignore[arg-type] # they are faults
    async with memory.vault() as vault:
        await vault.folders.ensure("/u1/a/b")
    memory.assert_clean()
    assert memory.folders >= {"/u1/a", "/u1/a/b"}
    assert memory.effects == [Endpoint.CREATE_ITEM] * 2


@pytest.mark.parametrize("error_type", ["INSUFFICIENT_ACCESS", "INVALID_DATA", "OPERATION_NOT_ALLOWED"])
async def test_a_folder_that_may_not_be_made_may_be_there_all_the_same(error_type: str) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, refused(error_type))
    async with memory.vault() as vault:
        await vault.folders.ensure("/shared")
        await vault.folders.ensure("/shared")
    assert memory.count(Endpoint.CREATE_ITEM) == 1


@pytest.mark.parametrize(
    "error",
    [
        LoginError("x", status=401),
        TransportError("x", Phase.ANSWER, "y"),
        VaultError("x", status=503),
        VaultError("x", status=500),
    ],
    ids=["login", "broke", "busy", "fault"],
)
async def test_a_vault_that_is_away_is_said_and_the_folder_tried_again_by_the_next(error: AsyncupError) -> None:
    tried: list[str] = []

    async def create(path: str) -> None:
        tried.append(path)
        if len(tried) == 1:
            raise error

    folders = Folders(create)
    with pytest.raises(AsyncupError) as raised:
        await folders.ensure("/a/b")
    assert raised.value is error
    await folders.ensure("/a/b")
    assert tried == ["/a", "/a", "/a/b"]


async def test_a_refusal_is_definite_whatever_its_class() -> None:
    async def create(path: str) -> None:
        raise AccessRefused("x", status=403)

    await Folders(create).ensure("/a/b")


async def test_a_cancelled_lane_does_not_stop_the_others() -> None:
    vault, entered = Made(), anyio.Event()

    async def create(path: str) -> None:
        if not entered.is_set():
            entered.set()
            await anyio.sleep_forever()
        await vault.create(path)

    folders = Folders(create)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(folders.ensure, "/a")
        await entered.wait()
        tasks.cancel_scope.cancel()
    await folders.ensure("/a")
    assert vault.made == ["/a"]


@pytest.mark.parametrize(
    ("gone", "made_again"),
    [
        ("/a", ["/a", "/a/b", "/a/b/c"]),
        ("/a/b", ["/a/b", "/a/b/c"]),
        ("a/b/", ["/a/b", "/a/b/c"]),
        ("/a/b/c/file", []),
        ("/a/bc", []),
        ("/", ["/a", "/a/b", "/a/b/c", "/d"]),
    ],
)
async def test_what_was_moved_or_deleted_is_made_again(gone: str, made_again: list[str]) -> None:
    vault = Made()
    folders = Folders(vault.create)
    await folders.ensure("/a/b/c")
    await folders.ensure("/d")
    vault.made.clear()
    vault.there -= set(made_again)
    folders.forget(gone)
    await folders.ensure("/a/b/c")
    await folders.ensure("/d")
    assert vault.made == made_again


@pytest.mark.parametrize("how", ["moved", "deleted"])
async def test_a_vault_forgets_what_it_moves_or_deletes(how: str) -> None:
    memory = MemoryVault()
    async with memory.vault() as vault:
        await vault.folders.ensure("/u1/a")
        if how == "moved":
            memory.items["/u1/a/x"] = b"x"
            await vault.move_item("/u1/a", name="b")
            memory.folders.discard("/u1/a")
        else:
            await vault.delete_item("/u1/a", recursive=True)
        await vault.folders.ensure("/u1/a")
    assert memory.effects.count(Endpoint.CREATE_ITEM) == 2
    assert "/u1/a" in memory.folders
