"""Routes whose rule is held before anything of a request's body is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute

Rule = TypeVar("Rule")
Handler = Callable[[Request], Coroutine[object, object, Response]]


def guarded_by(
    guard: Callable[[Request, Rule], Awaitable[None]], rules: Mapping[str, Rule]
) -> type[APIRoute]:
    """A route class, for ``APIRouter(route_class=...)``.

    Args:
        guard: raises what the request is refused with.
        rules: "METHOD path" to what the guard is given. An endpoint without one cannot be made: a
            route of it raises KeyError.
    """

    class GuardedRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()
            held = {method: rules[f"{method} {self.path}"] for method in self.methods or ()}

            async def guarded(request: Request) -> Response:
                await guard(request, held[request.method])
                return await handle(request)

            return guarded

    return GuardedRoute
