"""Types of settings, and how each is parsed from text."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat
from pydantic_core import PydanticCustomError

from semvec.addresses import Networks
from semvec.extras import missing
from semvec.rate import Rate
from semvec.urls.database import PostgresUrl, read_database_url
from semvec.urls.parts import check_address, check_web_address, lower_scheme

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+")
CERTIFICATES = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl"})
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def fault(what: str) -> PydanticCustomError:
    """Return a validation error with this message."""
    return PydanticCustomError("setting", "{what}", {"what": what})


def _web_address(text: str) -> str:
    text = lower_scheme(text)
    if not re.fullmatch(r"https?://[^\s/]+\S*", text):
        raise fault("must be an http:// or https:// address")
    check_web_address(text)
    return text


def _embedder(text: str) -> str:
    if text in ("local", "none"):
        return text
    if not lower_scheme(text).startswith(("http://", "https://")):
        raise fault("must be local, none, or an http(s):// address")
    return _web_address(text)


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", text):
        raise fault("must be auto, cpu, cuda or cuda:N")
    return text


def _database(url: str) -> str:
    """Check a database URL and return it unchanged; the store parses it again and warns about
    options it ignores."""
    read = read_database_url(url)
    if isinstance(read, PostgresUrl) and importlib.util.find_spec("asyncpg") is None:
        raise ValueError(missing("PostgreSQL", "asyncpg", "postgres"))
    if isinstance(read, PostgresUrl):
        for option in CERTIFICATES & read.tls.keys():
            if read.tls[option] != "system" and not Path(read.tls[option]).is_file():
                raise ValueError(f"the option {option} names a file that is not there")
    return url


def _redis(url: str) -> str:
    url = lower_scheme(url)
    if not re.fullmatch(r"(redis|valkey)s?://\S+", url):
        raise fault("must be a redis:// or valkey:// address")
    check_address(url)
    if importlib.util.find_spec("redis") is None:
        raise fault(missing("sharing limits", "redis", "redis"))
    return url


def _credential(text: str) -> str:
    """Check that a credential fits into a header; the message does not quote it."""
    if not text.isprintable():
        raise fault("holds a line break or another character that cannot be printed")
    return text


def _read_by(parse: Callable[[str], object]) -> BeforeValidator:
    """Return a validator that parses text with `parse` and reports its ValueError."""

    def read(value: object) -> object:
        try:
            return parse(value) if isinstance(value, str) else value
        except ValueError as error:
            raise fault(str(error)) from None

    return BeforeValidator(read)


def _origins(text: str) -> tuple[str, ...]:
    return tuple(_origin(part.strip()) for part in text.split(","))


def _origin(text: str) -> str:
    """Return an origin as browsers send it: in lower case, without the default port."""
    origin = text.lower().removesuffix("/")
    if origin != "*" and not ORIGIN.fullmatch(origin):
        raise ValueError("must be origins such as https://app.example, or *")
    return origin.removesuffix(DEFAULT_PORTS.get(origin.partition(":")[0], ""))


TextSetting = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[FiniteFloat, Field(gt=0)]
Credential = Annotated[TextSetting, AfterValidator(_credential)]
DatabaseAddress = Annotated[TextSetting, _read_by(_database)]
DeviceSetting = Annotated[str, AfterValidator(_device)]
EmbedderSetting = Annotated[str, _read_by(_embedder)]
Origins = Annotated[tuple[str, ...], _read_by(_origins)]
ProxyNetworks = Annotated[Networks, _read_by(Networks.parse)]
RateOrNone = Annotated[Rate | None, _read_by(Rate.parse)]
RedisAddress = Annotated[str, _read_by(_redis)]
WebAddress = Annotated[str, _read_by(_web_address)]
