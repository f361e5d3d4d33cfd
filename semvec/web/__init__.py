"""The HTTP API: the application, its endpoints and the server process."""

from semvec.web.app import create_app, from_argv

__all__ = ["create_app", "from_argv"]
