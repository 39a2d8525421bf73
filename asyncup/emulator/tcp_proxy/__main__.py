"""The proxy as a process of its own: `python -m asyncup.emulator.tcp_proxy --to HOST:PORT`.

It prints one line, `tcp proxy listening on HOST:PORT`, obeys lines on its stdin (`stall`, `resume`,
`reset`, `refuse`, `admit`; each is answered with a line `done`), and ends with its stdin. On uvloop
where there is one.
"""

import argparse
import asyncio
import contextlib
import re
import sys
import threading
from collections.abc import Callable

from .link import Link
from .loss import Loss
from .proxy import TcpProxy, tcp_proxy

LISTENING = "tcp proxy listening on "
UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}


def bandwidth_bytes_s(text: str) -> float:
    """`125MB/s`, `1Gbit/s`, `20000` (bytes a second)."""
    match = re.fullmatch(r"([0-9.]+) ?([kMG]?)(B/s|bit/s|)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not written like 125MB/s or 1Gbit/s")
    bits = 8 if match[3] == "bit/s" else 1
    return float(match[1]) * UNITS[match[2]] / bits


def address(text: str) -> tuple[str, int]:
    """`HOST:PORT`, or `[HOST]:PORT`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m asyncup.emulator.tcp_proxy", description=__doc__)
    parser.add_argument("--to", type=address, required=True, metavar="HOST:PORT", help="the server")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--round-trip-ms", type=float, default=0.0)
    parser.add_argument("--bandwidth", type=bandwidth_bytes_s, metavar="125MB/s", help="of each direction")
    parser.add_argument("--window", type=int, metavar="BYTES", help="most on the way in a connection and direction")
    parser.add_argument("--loss-mean-bytes", type=float, help="that a connection carries before it is lost")
    parser.add_argument("--loss-mean-s", type=float, help="that a connection lives before it is lost")
    parser.add_argument("--loss-mean-burst", type=float, default=1.0, help="connections lost together")
    parser.add_argument("--seed", type=int, default=0, help="of the losses")
    return parser


async def obey(proxy: TcpProxy, order: str) -> str:
    """Do what a line says. Returns the answer."""
    match order:
        case "stall":
            proxy.stall()
        case "resume":
            proxy.resume()
        case "reset":
            proxy.reset()
        case "refuse":
            proxy.refuse()
        case "admit":
            await proxy.admit()
        case _:
            return f"{order!r} is none of stall, resume, reset, refuse, admit"
    return "done"


async def run(chosen: argparse.Namespace) -> None:
    link = Link(
        round_trip_s=chosen.round_trip_ms / 1000, bandwidth_bytes_s=chosen.bandwidth, window_bytes=chosen.window
    )
    loss = Loss(
        seed=chosen.seed,
        mean_bytes=chosen.loss_mean_bytes,
        mean_s=chosen.loss_mean_s,
        mean_burst=chosen.loss_mean_burst,
    )
    async with tcp_proxy(*chosen.to, link=link, loss=loss, host=chosen.host, port=chosen.port) as proxy:
        say(f"{LISTENING}{proxy.host}:{proxy.port}")
        orders: asyncio.Queue[str] = asyncio.Queue()
        # A daemon: it must not keep the process when that ends for another reason.
        threading.Thread(target=read, args=(asyncio.get_running_loop(), orders), daemon=True).start()
        while order := await orders.get():
            say(await obey(proxy, order.strip()))


def read(loop: asyncio.AbstractEventLoop, orders: asyncio.Queue[str]) -> None:
    """Lines of stdin, and an empty one at its end. In a thread: not every loop can wait for any stdin."""
    line = "\n"
    while line:
        line = sys.stdin.readline()
        with contextlib.suppress(RuntimeError):  # the loop is closed: too late
            loop.call_soon_threadsafe(orders.put_nowait, line)


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes a loop; None: asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - Windows and PyPy have none
    except ImportError:
        return None
    return uvloop.new_event_loop


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    chosen = arguments().parse_args()
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=fastest_loop()) as runner:
        runner.run(run(chosen))


if __name__ == "__main__":
    main()
