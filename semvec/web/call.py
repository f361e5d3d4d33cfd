"""One request, as handlers see it."""

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
        """There but on public routes, where nobody is asked who they are."""
        caller = self.request[CONTEXT].caller
        assert caller is not None
        return caller

    @property
    def owner(self) -> str:
        return self.caller.subject
