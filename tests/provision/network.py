"""Tests reach this machine's loopback and nothing else."""

import ipaddress
import sys

LOOPBACK_NAMES = frozenset({"localhost", "", None})


class OutsideNetworkError(RuntimeError):
    """A test tried to reach another machine.

    Not an OSError: code that copes with a failing network must not swallow it.
    """


def confine_to_loopback() -> None:
    """From now on this process opens no connection to another machine.

    An audit hook, because it also sees sockets opened in C; it stays until the process ends.
    """
    sys.addaudithook(_refuse_outside)


def _refuse_outside(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            raise OutsideNetworkError(f"a test tried to reach {address[0]}:{address[1]}")
    elif event == "socket.getaddrinfo" and not _is_known(arguments[0]):
        raise OutsideNetworkError(f"a test tried to look up {arguments[0]}")


def _is_loopback(host: object) -> bool:
    address = _address(host)
    return host in LOOPBACK_NAMES if address is None else address.is_loopback


def _is_known(host: object) -> bool:
    """An address needs no look-up; of names only those of this machine are known."""
    return host in LOOPBACK_NAMES or _address(host) is not None


def _address(host: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
