"""Finds the handler of a request, whose path is bounded before that."""

from aiohttp import web
from aiohttp.web_urldispatcher import MatchInfoError, UrlDispatcher, UrlMappingMatchInfo

PATH_BYTES = 8 * 1024
PATH_SEGMENTS = 640
"""Of a path as it is sent. The longest that names something is an entity key or a user of 512
characters, each of which may be a slash, or twelve bytes with its escapes."""

TOO_LONG = f"the path has more than {PATH_BYTES} bytes or {PATH_SEGMENTS} segments"


class BoundedRouter(UrlDispatcher):
    """Does not look for a path that is too long, because the time for it grows with the square of
    the number of its segments: aiohttp looks up every prefix that ends at a slash."""

    async def resolve(self, request: web.Request) -> UrlMappingMatchInfo:
        path = request.rel_url.raw_path
        if len(path) > PATH_BYTES or path.count("/") > PATH_SEGMENTS:
            return MatchInfoError(web.HTTPRequestURITooLong(reason=TOO_LONG))
        return await super().resolve(request)
