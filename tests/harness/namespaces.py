"""Hosts that know nothing of each other but a network: namespaces, connected by a cable.

The broker and the registry listen on this machine's loopback. Into each host they come through a
socket in the file system, which is the same in all of them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from tests.harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def are_allowed() -> bool:
    """Whether this process may make namespaces."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"probe-{uuid4().hex[:6]}"
    made = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True)  # noqa: S607
    if made.returncode == 0:
        _ip("netns", "del", name)
    return made.returncode == 0


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)  # noqa: S607


class Host:
    """A host with an address that the other host reaches."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address

    def command(self, *arguments: str) -> list[str]:
        """A command that runs there."""
        return ["ip", "netns", "exec", self.name, *arguments]


@contextmanager
def two_hosts(ports: Sequence[int], directory: Path) -> Iterator[tuple[Host, Host]]:
    """Two hosts that reach these ports of this machine's loopback on their own."""
    tag = uuid4().hex[:6]
    hosts = Host(f"wall-a-{tag}", "198.51.100.1"), Host(f"wall-b-{tag}", "198.51.100.2")
    with ExitStack() as undo:
        for host in hosts:
            _ip("netns", "add", host.name)
            undo.callback(_ip, "netns", "del", host.name)
        ends = f"va{tag}", f"vb{tag}"
        _ip("link", "add", ends[0], "netns", hosts[0].name, "type", "veth",
            "peer", ends[1], "netns", hosts[1].name)  # fmt: skip
        for host, end in zip(hosts, ends, strict=True):
            _ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", end)
            for device in (end, "lo"):
                _ip("-n", host.name, "link", "set", device, "up")
        for port in ports:
            path = str(directory / f"{port}.sock")
            out = [sys.executable, "-m", "tests.harness.namespaces", f"unix:{path}", f"tcp:{port}"]
            undo.callback(_end, subprocess.Popen(out))
            wait_until(lambda path=path: os.path.exists(path), 20, "the forwarding")  # noqa: PTH110
            for host in hosts:
                into = [
                    sys.executable,
                    "-m",
                    "tests.harness.namespaces",
                    f"tcp:{port}",
                    f"unix:{path}",
                ]
                undo.callback(_end, subprocess.Popen(host.command(*into)))
        yield hosts


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


async def _forward(listen_at: str, connect_to: str) -> None:
    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kind, _, place = connect_to.partition(":")
        if kind == "unix":
            far_reader, far_writer = await asyncio.open_unix_connection(place)
        else:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", int(place))
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    kind, _, place = listen_at.partition(":")
    if kind == "unix":
        server = await asyncio.start_unix_server(serve, place)
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", int(place))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_forward(sys.argv[1], sys.argv[2]))
