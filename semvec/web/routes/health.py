"""Health and readiness of the server; public."""

from semvec import __version__, answers
from semvec.web.call import Call
from semvec.web.draining import DRAINING
from semvec.web.endpoint import endpoint
from semvec.web.reply import Reply


@endpoint("GET", "/v1/health", summary="The server and what it holds")
async def health(call: Call) -> answers.Health:
    return answers.Health(active_sessions=call.service.resident, version=__version__)


@endpoint("GET", "/v1/livez", summary="Whether the process answers")
async def livez(call: Call) -> dict[str, str]:
    return {"status": "ok"}


@endpoint("GET", "/v1/readyz", summary="Whether requests can be served", statuses=(200, 503))
async def readyz(call: Call) -> Reply[answers.Ready]:
    if call.request.app[DRAINING].begun:
        return Reply(answers.Ready(False, {"server": "draining"}), 503)
    ready = await call.service.ready()
    return Reply(ready, 200 if ready.ready else 503)


ENDPOINTS = (health, livez, readyz)
