"""The HTTP side."""

from semvec.web.app import create_app, from_argv

__all__ = ["create_app", "from_argv"]
