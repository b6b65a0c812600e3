"""Up and down: what is running is looked at, not remembered, so any mixture can be put right.

Two digests decide what a second `up` does. `base` covers what the processes themselves are made of
(sandbox, Python part, ports): when it differs, all is started anew. `deployed` covers functions,
template and parameters: when it differs, only the deployment is repeated.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import signal
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Iterator

from infra.local import artifacts, deploy, http_api, parts, ports, processes, stack, tenants, tools
from infra.local.console import LocalCloudError, say, step
from infra.local.settings import STACK_FILE, STATE, TEMPLATE, Settings

STARTED_FILE = STATE / "started.json"
DEMO_FILE = STATE / "demo-tenants.json"


@dataclass(frozen=True)
class Digests:
    """What the running local cloud was made from."""

    base: str
    deployed: str


@contextmanager
def exclusive() -> Iterator[None]:
    """Only one `up` or `down` at a time in this checkout."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalCloudError("another `make up` or `make down` is at work in this folder") from None
        yield


def up(settings: Settings) -> bool:
    """Brings the local cloud up; returns whether it had to be started."""
    parsed = artifacts.template()
    packages = sorted(artifacts.functions(parsed).values())
    artifacts.build(packages)
    wanted = _digests(settings, packages, [TEMPLATE, *artifacts.nested_templates(parsed)])
    running = _running(settings)
    if running and running.base == wanted.base:
        if running.deployed == wanted.deployed:
            say("already running, nothing has changed")
            return False
        say("already running; functions, template or settings have changed: deploying again")
        _deploy(settings, parsed, _load_tenants(), wanted)
        return False
    _clean_up_remains()
    ports.require_free(settings.ports)
    _start(settings, parsed, wanted)
    return True


def down() -> None:
    """Stops all processes and removes what they have left; fine when there is nothing."""
    stopped = _clear()
    say(f"stopped {stopped} processes" if stopped else "nothing was running")


def is_up(settings: Settings) -> bool:
    """Whether a whole, healthy local cloud is there."""
    return _running(settings) is not None


def _clean_up_remains() -> None:
    if processes.members() or STARTED_FILE.exists() or any(STATE.glob("*.pid")):
        say("found an older, half-started or damaged local cloud: clearing it away first")
        _clear()


def _clear() -> int:
    stopped = processes.stop_all()
    for path in (STACK_FILE, STARTED_FILE, DEMO_FILE, parts.ACCOUNTS_FILE):
        path.unlink(missing_ok=True)
    for folder in ("tmp", "home", "build"):
        shutil.rmtree(STATE / folder, ignore_errors=True)
    return stopped


def _start(settings: Settings, parsed: dict[str, Any], wanted: Digests) -> None:
    """Starts everything, or leaves nothing behind: not when it fails and not on ^C."""
    try:
        with interruptible():
            demo_tenants = tenants.demo(settings)
            parts.start_sandbox(settings, [account for tenant in demo_tenants for account in tenant.sandbox_accounts()])
            parts.start_ministack(settings)
            _save_tenants(demo_tenants)
            _deploy(settings, parsed, demo_tenants, wanted)
    except BaseException:
        # `make` hands a signal on that the whole group has had already; once is enough.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        say("stopping what was started")
        _clear()
        raise


@contextmanager
def interruptible() -> Iterator[None]:
    """A polite end from outside takes the same way as ^C."""

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _deploy(
    settings: Settings, parsed: dict[str, Any], demo_tenants: list[tenants.DemoTenant], wanted: Digests
) -> None:
    """From built binaries to a stack that answers. The digest is written last."""
    STARTED_FILE.unlink(missing_ok=True)
    with step("lay out the deployment"):
        staged = artifacts.stage(parsed)
    deploy.deploy(settings, staged)
    with step("routes, connections of the demo tenants, event tap"):
        http_api.publish(settings)
        demo_tenants = tenants.connect(settings, demo_tenants)
        tenants.enter_addresses(settings, demo_tenants)
        stack.write(stack.describe(settings, demo_tenants))
    STARTED_FILE.write_text(json.dumps(asdict(wanted)), encoding="utf-8")


def _running(settings: Settings) -> Digests | None:
    """The digests of what runs, if all of it runs and answers."""
    if not STACK_FILE.exists() or not all(processes.is_running(name) for name in ("sandbox", "ministack")):
        return None
    if not (parts.sandbox_is_healthy(settings) and parts.ministack_is_healthy(settings)):
        return None
    try:
        return Digests(**json.loads(STARTED_FILE.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _digests(settings: Settings, packages: list[str], templates: list[Path]) -> Digests:
    sources = sorted(Path(__file__).parent.glob("*.py"))
    numbers = [str(port.number) for port in settings.ports]
    base = artifacts.digest([artifacts.binary(artifacts.SANDBOX), tools.LOCK, *sources], *numbers)
    binaries = [artifacts.binary(package) for package in packages]
    values = [f"{name}={value}" for name, value in sorted(deploy.parameters(settings).items())]
    # Secrets go into a hash only, and the hash into a file that only tells "changed".
    deployed = artifacts.digest([*templates, *binaries], *values, *tenants.real_secrets(settings))
    return Digests(base, deployed)


def _save_tenants(demo_tenants: list[tenants.DemoTenant]) -> None:
    DEMO_FILE.touch(mode=0o600)
    DEMO_FILE.write_text(json.dumps([asdict(tenant) for tenant in demo_tenants]), encoding="utf-8")


def _load_tenants() -> list[tenants.DemoTenant]:
    """A repeated deployment keeps the tokens that the running sandbox knows."""
    return [tenants.DemoTenant(**item) for item in json.loads(DEMO_FILE.read_text(encoding="utf-8"))]


def status(settings: Settings) -> int:
    """Prints what runs; the code says whether it is whole."""
    processes.describe()
    if not is_up(settings):
        say("the local cloud is not up" if not processes.members() else "the local cloud is not whole: run `make up`")
        return 1
    content = stack.read()
    say(f"up since {time.ctime(STACK_FILE.stat().st_mtime)}")
    for key in ("api_base_url", "token_url", "sandbox_url", "aws_endpoint_url"):
        say(f"  {key:<17} {content[key]}")
    return 0
