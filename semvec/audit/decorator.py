"""A decorator that records calls of a coroutine."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar

from semvec.audit.log import AuditLog
from semvec.errors import SemvecError

P = ParamSpec("P")
T = TypeVar("T")


def audited(
    log: AuditLog, action: str, resource: str, *, subject: str = ""
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Record each call when it ends, with 200 or the status of its error.

    If the record cannot be written, a successful call raises Unavailable, and a failed one its own
    error.
    """

    def decorate(coroutine: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @wraps(coroutine)
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                result = await coroutine(*args, **kwargs)
            except Exception as error:
                status = error.status if isinstance(error, SemvecError) else 500
                with suppress(SemvecError):
                    details = {"error": type(error).__name__}
                    await log.write(
                        action, resource, subject=subject, status=status, details=details
                    )
                raise
            await log.write(action, resource, subject=subject)
            return result

        return call

    return decorate
