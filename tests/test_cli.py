import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from semvec import __version__
from semvec.cli import main
from semvec.settings import declarations

Output = pytest.CaptureFixture[str]


@pytest.fixture
def keys(tmp_path: Path, capsys: Output) -> Path:
    assert main(["license", "keygen", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "private.pem"),
        str(tmp_path / "public.pem"),
    ]
    return tmp_path


def issue(keys: Path, *options: str) -> int:
    key = str(keys / "private.pem")
    return main(["license", "issue", "--key", key, "--sub", "acme", "--tier", "pro", *options])


def test_keygen_never_replaces_a_key(keys: Path, capsys: Output) -> None:
    before = (keys / "private.pem").read_bytes()
    assert main(["license", "keygen", "--out", str(keys)]) == 1
    assert "exists" in capsys.readouterr().err
    assert (keys / "private.pem").read_bytes() == before


def test_a_key_that_is_not_there_is_named(tmp_path: Path, capsys: Output) -> None:
    assert issue(tmp_path) == 1
    missing = tmp_path / "private.pem"
    assert capsys.readouterr().err == f"semvec: {missing}: No such file or directory\n"


def test_issue_prints_the_token_alone_and_show_tells_what_it_says(
    keys: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMVEC_LICENSE_PUBLIC_KEY", str(keys / "public.pem"))
    started = int(time.time())
    assert issue(keys, "--jti", "one", "--kid", "k1") == 0
    token = capsys.readouterr().out.strip()
    assert "\n" not in token
    assert main(["license", "show", token]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["header"] == {"alg": "EdDSA", "typ": "JWT", "kid": "k1"}
    assert shown["verifies"] == "yes"
    claims = shown["claims"]
    assert (claims["sub"], claims["tier"], claims["jti"]) == ("acme", "pro", "one")
    assert claims["exp"] - claims["iat"] == 30 * 24 * 3600
    assert started <= claims["iat"] <= time.time()


def test_every_token_has_an_id_of_its_own(keys: Path, capsys: Output) -> None:
    tokens = set()
    for _ in range(2):
        issue(keys)
        tokens.add(capsys.readouterr().out)
    assert len(tokens) == 2


@pytest.mark.parametrize(
    ("trusted", "options", "verdict"),
    [
        ("own", ["--ttl-s", "-1"], "no: License expired"),
        ("other", [], "no: Invalid license"),
        ("nobody", [], "unknown: SEMVEC_LICENSE_PUBLIC_KEY is not set"),
    ],
)
def test_show_says_why_a_token_does_not_verify(
    keys: Path,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    trusted: str,
    options: list[str],
    verdict: str,
) -> None:
    main(["license", "keygen", "--out", str(keys / "other")])
    monkeypatch.delenv("SEMVEC_LICENSE_PUBLIC_KEY", raising=False)
    if trusted != "nobody":
        folder = {"own": keys, "other": keys / "other"}[trusted]
        monkeypatch.setenv("SEMVEC_LICENSE_PUBLIC_KEY", str(folder / "public.pem"))
    capsys.readouterr()
    issue(keys, *options)
    status = main(["license", "show", capsys.readouterr().out.strip()])
    assert json.loads(capsys.readouterr().out)["verifies"].startswith(verdict)
    assert status == int(trusted != "nobody")


@pytest.mark.parametrize(
    "arguments",
    [
        ["license", "show", "nonsense"],
        ["license", "show", "a.b.c"],
        ["license", "issue", "--key", "/no/such.pem", "--sub", "a", "--tier", "pro"],
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments: list[str], capsys: Output) -> None:
    assert main(arguments) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("semvec: ")
    assert len(output.err.splitlines()) == 1


@pytest.mark.parametrize("sub", ["", "anonymous", " padded ", "a\nb", "x" * 256])
def test_issue_makes_no_token_that_no_server_would_take(
    keys: Path, capsys: Output, sub: str
) -> None:
    assert issue(keys, "--sub", sub) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("semvec: --sub: ")


def test_serve_help_lists_every_setting(capsys: Output) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["serve", "--help"])
    assert stop.value.code == 0
    words = capsys.readouterr().out.split()
    for setting in declarations():
        assert setting.name in words


@pytest.mark.parametrize("command", [["semvec"], [sys.executable, "-m", "semvec"]])
def test_both_ways_to_call_it_tell_the_version(command: list[str]) -> None:
    path = Path(sys.executable).parent
    done = subprocess.run(
        [*command, "--version"], capture_output=True, text=True, check=True, env={"PATH": str(path)}
    )
    assert done.stdout == f"semvec {__version__}\n"


def test_licence_commands_start_no_server_code() -> None:
    code = (
        "import sys, semvec.cli; print({'aiohttp', 'onnxruntime', 'sqlalchemy'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
