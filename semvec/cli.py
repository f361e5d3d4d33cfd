"""The `semvec` command."""

import json
import secrets
import signal
import sys
import textwrap
import time
from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter, _SubParsersAction
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias, get_args

from pydantic import ValidationError

from semvec import __version__
from semvec.audit_cli import add_audit_commands
from semvec.database_cli import add_database_commands
from semvec.errors import LicenseExpired, StartError, Unauthorized
from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import LicenseTier, TokenClaims, segment, sign
from semvec.licensing.verifier import Verifier, build_verifier
from semvec.revocation_cli import add_revocation_commands
from semvec.session_cli import RequestFailed, add_session_commands
from semvec.settings import SettingsError, declarations, load_settings
from semvec.telemetry.starting import announce

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"

MONTH_S = 30 * 24 * 3600


def main(argv: Sequence[str] | None = None) -> int:
    arguments = vars(_parser().parse_args(argv))
    command = arguments.pop("command")
    # Any other error of a running server is shown with its traceback.
    expected = StartError if command is _serve else (OSError, ValueError)
    try:
        return int(command(**arguments))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except SettingsError as error:
        return _fail(error, 2)
    except expected as error:
        return _fail(error, 1)
    except RequestFailed as error:
        return _fail(error, 3)


def _fail(error: Exception, status: int) -> int:
    for line in _told(error).splitlines():
        print(f"semvec: {line}", file=sys.stderr)
    return status


def _told(error: Exception) -> str:
    """Without the number that Python puts before the words of the system."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _serve(**flags: object) -> int:
    settings = load_settings(**flags)
    if not settings.reload:
        _die_of_interrupts()
        announce(settings)
    # Imported here, as the server is slow to import.
    from semvec.web.reload import serve_and_reload
    from semvec.web.serve import serve

    if settings.reload:
        return serve_and_reload(settings)
    serve(settings)
    return 0


def _die_of_interrupts() -> None:
    """Have Ctrl-C end a start without a traceback, until the server listens to it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _keygen(out: Path) -> int:
    for path in write_key_pair(out):
        print(path)
    return 0


def _issue(key: Path, sub: str, tier: str, ttl_s: int, jti: str | None, kid: str | None) -> int:
    now = int(time.time())
    claims = {"sub": sub, "tier": tier, "iat": now, "exp": now + ttl_s}
    try:
        checked = TokenClaims.model_validate(claims | {"jti": jti or secrets.token_hex(16)})
    except ValidationError as error:
        fault = error.errors()[0]
        raise ValueError(f"--{fault['loc'][0]}: {fault['msg']}") from None
    print(sign(checked, private_key(key), kid))
    return 0


def _show(token: str) -> int:
    report: dict[str, object] = {"header": segment(token, 0), "claims": segment(token, 1)}
    verifier = build_verifier(load_settings())
    fault = None
    if verifier is None:
        report["verifies"] = "unknown: SEMVEC_LICENSE_PUBLIC_KEY is not set"
    else:
        fault = _fault(verifier, token)
        report["verifies"] = f"no: {fault}" if fault else "yes"
    print(json.dumps(report, indent=2))
    return 1 if fault else 0


def _fault(verifier: Verifier, token: str) -> str | None:
    try:
        verifier.verify(token)
    except (Unauthorized, LicenseExpired) as error:
        return error.detail
    return None


def _parser() -> ArgumentParser:
    parser = ArgumentParser("semvec", description="Semantic memory server.")
    parser.add_argument("--version", action="version", version=f"semvec {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    license_ = commands.add_parser("license", help="keys and tokens").add_subparsers(
        required=True, metavar="COMMAND"
    )
    _add_keygen(license_)
    _add_issue(license_)
    show = license_.add_parser("show", help="what a token says, and whether it verifies")
    show.add_argument("token", metavar="TOKEN")
    show.set_defaults(command=_show)
    add_revocation_commands(license_)
    add_session_commands(commands)
    add_audit_commands(commands)
    add_database_commands(commands)
    return parser


def _add_serve(commands: Commands) -> None:
    serve = commands.add_parser(
        "serve",
        help="run the server",
        argument_default=SUPPRESS,
        epilog="environment:\n" + "\n".join(_variables()),
        formatter_class=RawDescriptionHelpFormatter,
    )
    for setting in declarations():
        if setting.is_flag:
            text = f"{setting.meaning} (default: {setting.default})"
            if setting.default == "off":
                serve.add_argument(setting.name, action="store_true", help=text)
            else:
                serve.add_argument(setting.name, help=text)
    serve.set_defaults(command=_serve)


def _variables() -> Iterator[str]:
    for setting in declarations():
        if not setting.is_flag:
            yield f"  {setting.name} (default: {setting.default})"
            yield textwrap.fill(
                setting.meaning, 80, initial_indent=" " * 6, subsequent_indent=" " * 6
            )


def _add_keygen(commands: Commands) -> None:
    keygen = commands.add_parser("keygen", help="make a key pair to sign and check tokens with")
    keygen.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for private.pem and public.pem",
    )
    keygen.set_defaults(command=_keygen)


def _add_issue(commands: Commands) -> None:
    issue = commands.add_parser("issue", help="print a new token")
    issue.add_argument("--key", type=Path, required=True, help="private.pem")
    issue.add_argument("--sub", required=True, help="whom the token is for; owns what it makes")
    issue.add_argument("--tier", required=True, choices=get_args(LicenseTier))
    issue.add_argument("--ttl-s", type=int, default=MONTH_S, help="lifetime (default: 30 days)")
    issue.add_argument("--jti", help="the token's own id (default: random)")
    issue.add_argument("--kid", help="id of the key in a JWKS")
    issue.set_defaults(command=_issue)
