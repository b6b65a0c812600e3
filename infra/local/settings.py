"""Where things are, which ports are used and what `.env` says.

The real environment wins over `.env`. Nothing here is ever handed on as a whole: a child process
gets the few variables that it needs, so that a developer's own AWS credentials stay outside.
"""

from __future__ import annotations

import os
import platform
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path

from infra.local.console import LocalCloudError

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".local"
VENV = ROOT / ".venv"
BUILD = STATE / "build"
LOGS = STATE / "logs"
STACK_FILE = STATE / "stack.json"
TEMPLATE = ROOT / "template.yaml"

REGION = "us-east-1"
STAGE = "local"
STACK_NAME = "integrations-local"
AUDIENCE = "integrations-api"
# MiniStack makes a random id otherwise, and the functions' PublicBaseUrl must be known before the
# API is there.
API_ID = "local-api"
# In the environment of every process of the local cloud, so that none is overlooked when stopping.
MARKER = "LOCAL_CLOUD_ROOT"

CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


@dataclass(frozen=True)
class Port:
    """One listening port and the variable that moves it."""

    role: str
    variable: str
    number: int


@dataclass(frozen=True)
class Settings:
    """What one run of the local cloud is made of."""

    aws: Port
    sandbox: Port
    tap: Port
    dotenv: dict[str, str]
    is_hermetic: bool = False

    @property
    def ports(self) -> tuple[Port, ...]:
        """All ports that must be free before a start."""
        return (self.aws, self.sandbox, self.tap)

    @property
    def aws_url(self) -> str:
        """Endpoint of the AWS services for clients outside."""
        return f"http://localhost:{self.aws.number}"

    @property
    def tap_url(self) -> str:
        """Endpoint of the same services for the functions, counted by the sandbox."""
        return f"http://127.0.0.1:{self.tap.number}"

    @property
    def sandbox_url(self) -> str:
        """The provider sandbox."""
        return f"http://localhost:{self.sandbox.number}"

    @property
    def issuer(self) -> str:
        """Issuer of the development tokens."""
        return f"{self.sandbox_url}/oidc"

    @property
    def api_base_url(self) -> str:
        """The HTTP API, by path and not by host name: names below localhost don't resolve everywhere.
        MiniStack takes `$default` where the path names no stage, so nothing in it needs an escape:
        HubSpot decodes some escapes before it signs an address, and others not."""
        return f"{self.aws_url}/_aws/execute-api/{API_ID}"

    def value(self, name: str, default: str = "") -> str:
        """A setting: environment first, then `.env`, then the default. Empty counts as not set."""
        if self.is_hermetic:
            return default
        return os.environ.get(name) or self.dotenv.get(name) or default

    def provider_url(self, setting: str, below: str, vendors: str, *credentials: str) -> str:
        """A provider's address: the sandbox's path `below`, unless real credentials or an explicit
        address say otherwise."""
        is_real = bool(credentials) and all(self.value(name) for name in credentials)
        return self.value(setting, vendors if is_real else f"{self.sandbox_url}/{below}")


def read_dotenv(path: Path) -> dict[str, str]:
    """`KEY=value` lines; comments and blank lines are skipped, quotes around a value dropped."""
    values: dict[str, str] = {}
    if not path.exists():
        return values
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator:
            raise LocalCloudError(f"{path}:{number}: expected KEY=value")
        values[name.removeprefix("export ").strip()] = value.strip().strip("\"'")
    return values


def load(is_hermetic: bool = False) -> Settings:
    """Reads `.env` and the environment; a port that is not a number is refused by name.

    Hermetic means that only the ports are taken from them. Tests run like that: a developer's real
    HubSpot token must not send their contacts to a real portal.
    """
    dotenv = read_dotenv(ROOT / ".env")

    def port(role: str, variable: str, default: int) -> Port:
        raw = os.environ.get(variable) or dotenv.get(variable) or str(default)
        if not raw.isdigit() or not 1024 <= int(raw) <= 65535:
            raise LocalCloudError(f"{variable}={raw!r} is not a port between 1024 and 65535")
        return Port(role, variable, int(raw))

    return Settings(
        aws=port("MiniStack (AWS)", "LOCAL_AWS_PORT", 4566),
        sandbox=port("provider sandbox", "LOCAL_SANDBOX_PORT", 4570),
        tap=port("AWS tap of the sandbox", "LOCAL_TAP_PORT", 4571),
        dotenv=dotenv,
        is_hermetic=is_hermetic,
    )


def target_dir() -> Path:
    """Cargo's target folder, wherever the developer has put it."""
    configured = os.environ.get("CARGO_TARGET_DIR")
    return (ROOT / configured) if configured else ROOT / "target"


def architecture() -> str:
    """Lambda's name for this machine, since the functions run on it as they are."""
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"


def ca_bundle() -> str:
    """This machine's root certificates: the path in the template exists on AWS only."""
    candidates = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, *CA_BUNDLES)
    for path in candidates:
        if path and Path(path).is_file():
            return path
    raise LocalCloudError(
        "no bundle of root certificates found; install your system's ca-certificates package "
        "or set SSL_CERT_FILE to a bundle"
    )


def clean_environment(**extra: str) -> dict[str, str]:
    """The whole environment of a child process: dummy credentials and nothing of the developer's."""
    home = STATE / "home"
    scratch = STATE / "tmp"
    for folder in (home, scratch):
        folder.mkdir(parents=True, exist_ok=True)
    search = os.pathsep.join([str(VENV / "bin"), "/usr/local/bin", "/usr/bin", "/bin"])
    return {
        "PATH": search,
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "localhost,127.0.0.1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        MARKER: str(ROOT),
        **extra,
    }


def program(name: str) -> str:
    """A tool of the Python environment, by full path."""
    path = VENV / "bin" / name
    if not path.exists():
        raise LocalCloudError(f"{path} is missing: delete {VENV} and run `make up` again")
    return str(path)


def has_tool(name: str) -> bool:
    """Whether a command can be found."""
    return shutil.which(name) is not None
