"""The names that the demo answers to.

A page of another site can have its own name point to this machine (DNS rebinding). Its requests then reach a demo that
nobody outside should, but under a foreign name.
"""

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+(?:%[\w.~-]+)?)\]|([\w.-]+))(?::\d{0,5})?", re.ASCII)
HERE = ("localhost", "127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "[::]")


def host_name(host: str) -> str:
    """Return the name in a Host header as it is compared: without port, brackets and a last dot; empty if it is none.

    Examples
    --------
    >>> host_name("LocalHost.:8888"), host_name("[0:0::1]:80"), host_name("evil.example@localhost")
    ('localhost', '::1', '')
    """
    found = _HOST.fullmatch(host.strip())
    name = (found[1] or found[2]).lower().removesuffix(".") if found else ""
    return str(ip_address(name)) if _is_address(name) else name


class Hosts:
    """The names and addresses that a request may be for: where the server listens, and those of this machine.

    Parameters
    ----------
    listens
        The names and addresses that the server listens on. At 0.0.0.0 and :: any address is right. At any that others
        can reach, so is the machine's name.
    more
        Other names, for example that of a proxy.
    """

    def __init__(self, listens: Iterable[str] = (), more: Iterable[str] = ()):
        own = {_bracketed(name) for name in listens}
        self._any_address = not own.isdisjoint(EVERYWHERE)
        machine = () if own <= {_bracketed(name) for name in HERE} else (socket.gethostname(),)
        self._names = {host_name(_bracketed(name)) for name in (*own, *HERE, *machine, *more)}

    def allows(self, host: str) -> bool:
        """Say whether a request with this Host header is for us; an address cannot be made to point elsewhere."""
        name = host_name(host)
        return bool(name) and (name in self._names or (self._any_address and _is_address(name)))


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name and _is_address(name) else name


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
