"""Addresses and paths as people write them, and what every process makes of them."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KAFKA_PORT = 9092
# Names of containers have underscores, though no host name may.
HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}")


def brokers(text: str) -> str:
    """Kafka brokers as `host:port,…`, from what people write.

    Taken as well: `PLAINTEXT://` before an address, as brokers print it; spaces, and commas too
    many; no port, for Kafka's usual one; an IPv6 address in brackets.

    Raises:
        ValueError: Something is no address; the message says which and what one is.
    """
    return ",".join(_broker(part.strip()) for part in text.split(",") if part.strip())


def _broker(text: str) -> str:
    scheme, separator, rest = text.rpartition("://")
    if separator and scheme.upper() not in ("PLAINTEXT", "KAFKA"):
        raise ValueError(f"{text!r} is no broker's address: only PLAINTEXT:// may stand before it")
    name, colon, port = rest.rstrip("/").rpartition(":")
    if not colon or port.endswith("]"):
        name, port = rest.rstrip("/"), str(KAFKA_PORT)
    try:
        number = int(port) if port.isascii() and port.isdecimal() else 0
        if not 1 <= number <= 65535 or (":" in name and not name.startswith("[")):
            raise ValueError
        return f"{shown_host(host(name))}:{number}"
    except ValueError:
        raise ValueError(
            f"{text!r} is no broker's address; write host:port, several with commas between, "
            "as 127.0.0.1:9092"
        ) from None


def registry(text: str) -> str:
    """The registry's URL, several with commas between, without a slash at the end.

    Raises:
        ValueError: Something is no such URL; the message says which and what one is.
    """
    return ",".join(_registry(part.strip()) for part in text.split(",") if part.strip())


def _registry(text: str) -> str:
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        _ = parts.port
        host(parts.hostname or "")
        good = parts.scheme in ("http", "https") and not (parts.query or parts.fragment)
    except ValueError:
        good = False
    if not good or any(character.isspace() for character in url):
        raise ValueError(
            f"{text!r} is no registry's address; write http://host:port and its path, as "
            "http://127.0.0.1:8081/apis/ccompat/v7"
        )
    return url.rstrip("/")


def host(text: str) -> str:
    """A host's name or IP address, which may stand in brackets.

    Raises:
        ValueError: It is neither.
    """
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    if not HOST_NAME.fullmatch(bare) and not _is_ipv6(bare):
        raise ValueError(
            f"{text!r} is no host; write a name or an IP address alone, as 127.0.0.1, and 0.0.0.0 "
            "for every interface"
        )
    return bare


def host_or_none(text: str) -> str:
    """As `host`; nothing is none.

    Raises:
        ValueError: It is something else.
    """
    return host(text) if text.strip() else ""


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def shown_host(host: str) -> str:
    """A host as it stands in a URL and before a port."""
    return f"[{host}]" if ":" in host else host


def reachable_host(host: str) -> str:
    """Where this machine reaches what is bound to a host: every interface is also loopback."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound


def advertised_host(host: str) -> str:
    """Where other machines reach what is bound to a host: a wildcard is nobody's address."""
    return socket.gethostname() if reachable_host(host) != host else host


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def own_path(path: Path) -> Path:
    """A path that is the same for processes in other directories; ~ is the user's home.

    Raises:
        ValueError: It begins at a home, and there is none.
    """
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"{path} can't be had: {error}; set HOME, or name another path") from error


@contextmanager
def asked_directly(url: str) -> Iterator[None]:
    """While HTTP clients of a URL are made: those of loopback learn of no proxy.

    A proxy elsewhere can't reach what is on this machine alone; the environment names one for all
    programs. Clients read it once, when they are made.
    """
    if not all(is_loopback(urlsplit(part).hostname or "") for part in url.split(",")):
        yield
        return
    names = ("no_proxy", "NO_PROXY")
    before = {name: os.environ[name] for name in names if name in os.environ}
    os.environ.update(dict.fromkeys(names, "*"))
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]
        os.environ.update(before)
