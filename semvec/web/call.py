"""One request, as handlers receive it."""

from dataclasses import dataclass

from aiohttp import web

from semvec.licensing.token import Caller
from semvec.service import Service
from semvec.web.keys import CONTEXT, SERVICE


@dataclass(frozen=True, slots=True)
class Call:
    request: web.Request

    @property
    def service(self) -> Service:
        return self.request.app[SERVICE]

    @property
    def caller(self) -> Caller:
        """The authenticated caller. Not available on public routes."""
        caller = self.request[CONTEXT].caller
        assert caller is not None
        return caller

    @property
    def owner(self) -> str:
        return self.caller.subject
