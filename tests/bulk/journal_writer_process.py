"""A process that works on a journal until it is killed, and says on its standard output what was acknowledged."""

import sys
from pathlib import Path

import anyio

from asyncup.bulk.journal.entry import SessionOpened
from tests.bulk.journals import done, item, opened

LANES = 8


async def main(folder: Path, first_row: int) -> None:
    """Add, claim and record, as many lanes do."""
    async with opened(folder) as journal:
        say("open")

        async def lane(number: int) -> None:
            row = first_row + number
            while True:
                await journal.add([item(row)])
                say(f"added {row}")
                row += LANES
                for entry in await journal.claim(large=False, most=1):
                    await journal.record(entry.id, SessionOpened(session_id=f"s{entry.row}"))
                    say(f"session {entry.row}")
                    if (entry.row or 0) % 3:
                        await journal.record(entry.id, done())
                        say(f"done {entry.row}")

        async with anyio.create_task_group() as lanes:
            for number in range(LANES):
                lanes.start_soon(lane, number)


def say(what: str) -> None:
    """Write one line at once: what is said was acknowledged before."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), int(sys.argv[2]))
