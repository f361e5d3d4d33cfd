"""Documentation pages: Swagger UI and Redoc, from files of the package."""

from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from semvec.web.routes.document import root_from

FILES = Path(__file__).parents[1] / "pages"
SERVED = ("docs.js", "redoc.js", "redoc.standalone.js", "swagger-ui-bundle.js", "swagger-ui.css")
CONTENT_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

PAGE_TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>semvec</title>
<link rel="icon" href="data:,">
{head}
</head>
<body>
<div id="page"></div>
{scripts}
</body>
</html>
"""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{styles}; img-src 'self' data:; "
    "connect-src 'self'; worker-src {workers}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Allow only resources of this server, and only scripts from files."""

REDOC_STYLES = (
    " 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    " 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
)
"""Hashes of the two style elements that Redoc creates: an empty one that its script fills, and
another."""

PAGE_HEADERS = {
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def mount_pages(router: web.UrlDispatcher) -> None:
    docs = _page(
        ['<link rel="stylesheet" href="{root}/docs/swagger-ui.css">'],
        ["swagger-ui-bundle.js", "docs.js"],
        CONTENT_SECURITY_POLICY.format(styles="", workers="'none'"),
    )
    redoc = _page(
        [],
        ["redoc.standalone.js", "redoc.js"],
        CONTENT_SECURITY_POLICY.format(styles=REDOC_STYLES, workers="blob:"),
    )
    for slash in ("", "/"):
        router.add_get(f"/docs{slash}", docs)
        router.add_get(f"/redoc{slash}", redoc)
    router.add_get("/docs/{file}", _file)


def _page(head: list[str], scripts: list[str], policy: str) -> Handler:
    loaded = [f'<script src="{{root}}/docs/{name}"></script>' for name in scripts]
    template = PAGE_TEMPLATE.format(head="\n".join(head), scripts="\n".join(loaded))

    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(
            text=template.replace("{root}", root_from(request.path)),
            content_type="text/html",
            headers=PAGE_HEADERS | {"Content-Security-Policy": policy},
        )

    return page


async def _file(request: web.Request) -> web.StreamResponse:
    name = request.match_info["file"]
    if name not in SERVED:
        raise web.HTTPNotFound
    kind = {"Content-Type": CONTENT_TYPES[Path(name).suffix]}
    return web.FileResponse(FILES / name, headers=PAGE_HEADERS | kind)
