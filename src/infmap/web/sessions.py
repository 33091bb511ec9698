"""The cookie that carries a session, and users whom a reverse proxy has signed in already."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import Response

from infmap.core.errors import UsageError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class SessionCookie:
    """A cookie that scripts cannot read and other sites cannot send.

    Attributes:
        name: without prefix; each application has its own, for browsers keep cookies by host and
            not by port.
        seconds: how long a browser keeps it.
    """

    name: str
    seconds: int

    def read(self, request: HTTPConnection, *, secure: bool) -> str | None:
        """The session's token, where the request brought one."""
        return request.cookies.get(self._name(secure)) or None

    def set(self, response: Response, token: str, *, secure: bool) -> None:
        """Hand the token to the browser.

        Args:
            response: gets the header.
            token: the session's secret.
            secure: the browser speaks TLS, to this server or to the proxy before it.
        """
        response.set_cookie(
            self._name(secure),
            token,
            max_age=self.seconds,
            path="/",
            secure=secure,
            httponly=True,
            samesite="strict",
        )

    def clear(self, response: Response, *, secure: bool) -> None:
        """Let the browser forget the token."""
        response.delete_cookie(
            self._name(secure), path="/", secure=secure, httponly=True, samesite="strict"
        )

    def _name(self, secure: bool) -> str:
        # A browser takes a __Host- cookie from this host over TLS alone: no subdomain plants one.
        return f"__Host-{self.name}" if secure else self.name


@dataclass(frozen=True)
class TrustedProxies:
    """Reverse proxies that are believed: who the user is, where from, and over TLS or not.

    Attributes:
        header: carries the name of the signed-in user, such as ``X-Remote-User``; "" for none.
        networks: addresses of the proxies. Nobody else's headers count.
    """

    header: str = ""
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, header: str, networks: Iterable[str]) -> TrustedProxies:
        """Proxies as written on a command line.

        Raises:
            UsageError: an address is none, or there is a header that nobody is trusted to send.
        """
        try:
            trusted = tuple(ipaddress.ip_network(text.strip()) for text in networks)
        except ValueError as error:
            raise UsageError(
                f"expected an address or a network such as 10.0.0.0/8: {error}"
            ) from error
        if header and not trusted:
            raise UsageError(f"no proxy is trusted to send {header}: name its address")
        return cls(header, trusted)

    def user(self, request: HTTPConnection) -> str | None:
        """The user whom a trusted proxy names; None where it names none, or more than one."""
        if not self.header or not self._trusts(_peer(request)):
            return None
        # A proxy that appends instead of replacing lets the browser's own header through.
        names = [name.strip() for name in request.headers.getlist(self.header)]
        return names[0] if len(names) == 1 and names[0] else None

    def address(self, request: HTTPConnection) -> str:
        """The address that the request came from: the nearest that is no trusted proxy."""
        address = _peer(request)
        forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        # From the right: what stands left of the last proxy's entry, anybody may have written.
        for before in reversed(forwarded):
            if not before.strip() or not self._trusts(address):
                break
            address = before.strip()
        return address

    def secure(self, request: HTTPConnection) -> bool:
        """Whether the browser speaks TLS."""
        if request.url.scheme in ("https", "wss"):
            return True
        stated = request.headers.get("x-forwarded-proto", "")
        return self._trusts(_peer(request)) and stated.strip().lower() == "https"

    def _trusts(self, address: str) -> bool:
        try:
            return any(ipaddress.ip_address(address) in network for network in self.networks)
        except ValueError:  # a Unix socket, or what a proxy could not tell
            return False


def is_loopback(address: str) -> bool:
    """Whether an address is of this machine; text that is no address is not."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _peer(request: HTTPConnection) -> str:
    return request.client.host if request.client else ""
