"""Ranges of numbers in a session; msgspec checks them on decoding."""

from typing import Annotated

from msgspec import Meta

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
CosineField = Annotated[float, Meta(ge=-1.0, le=1.0)]
Weight = Annotated[float, Meta(ge=0.0, le=1e6)]
