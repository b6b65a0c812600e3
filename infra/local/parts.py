"""The two parts of the local cloud: how each is started, and when it counts as healthy."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from typing import Callable

from infra.local import artifacts, processes
from infra.local.console import LocalCloudError, step
from infra.local.settings import REGION, STATE, Settings, clean_environment, program

ACCOUNTS_FILE = STATE / "accounts.json"
HEALTH_TIMEOUT_S = 45.0
# Each waiting HTTP call of a caller holds one of MiniStack's threads while its function runs, and
# the function's own AWS calls need more of them: 64 callers on the default of 64 threads stand still.
WORKER_THREADS = 256
CONCURRENT_INVOCATIONS = 200


def ministack_environment(settings: Settings) -> dict[str, str]:
    """MiniStack's environment, which every function inherits: so nothing of the developer's."""
    return clean_environment(
        GATEWAY_PORT=str(settings.aws.number),
        BIND_HOST="127.0.0.1",
        # Without it MiniStack names hosts that only resolve in its own container.
        MINISTACK_HOST="localhost",
        MINISTACK_REGION=REGION,
        MINISTACK_WORKER_THREADS=str(WORKER_THREADS),
        LAMBDA_ACCOUNT_CONCURRENCY=str(CONCURRENT_INVOCATIONS),
        # Handed on to the functions, whose AWS calls so go through the counting proxy.
        AWS_ENDPOINT_URL=settings.tap_url,
        # State lives in memory: every start is a fresh account.
        PERSIST_STATE="0",
        S3_PERSIST="0",
        LOG_LEVEL="INFO",
        LAMBDA_EXECUTOR="local",
        # The functions get sessions of their roles, and the roles' policies are enforced: a missing
        # permission fails here as it would on AWS. Outside clients with the key "test" may do all.
        AUTH="true",
        # Listeners on fixed ports that nothing here uses.
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        # MiniStack looks for Docker otherwise, and uses it where it finds one.
        DOCKER_HOST="unix:///nonexistent",
    )


def start_sandbox(settings: Settings, accounts: list[dict[str, object]]) -> None:
    """Starts the provider sandbox with its accounts and the AWS tap."""
    STATE.mkdir(exist_ok=True)
    descriptor = os.open(ACCOUNTS_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(accounts, file, indent=2)
    command = [
        str(artifacts.binary("provider-sandbox")),
        "--port", str(settings.sandbox.number),
        "--tap-port", str(settings.tap.number),
        "--tap-upstream", f"http://127.0.0.1:{settings.aws.number}",
        "--accounts", str(ACCOUNTS_FILE),
    ]
    with step("start the provider sandbox"):
        process = processes.start("sandbox", command, clean_environment())
        _wait_healthy("sandbox", process, lambda: sandbox_is_healthy(settings))


def start_ministack(settings: Settings) -> None:
    """Starts MiniStack behind the tap."""
    command = [program("python"), "-m", "infra.local.emulator"]
    with step("start MiniStack"):
        process = processes.start("ministack", command, ministack_environment(settings))
        _wait_healthy("ministack", process, lambda: ministack_is_healthy(settings))


def sandbox_is_healthy(settings: Settings) -> bool:
    """Whether the sandbox answers."""
    return _answers(f"{settings.sandbox_url}/_control/health")


def ministack_is_healthy(settings: Settings) -> bool:
    """Whether MiniStack answers."""
    return _answers(f"{settings.aws_url}/_ministack/health")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _wait_healthy(name: str, process: subprocess.Popen[bytes], is_healthy: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HEALTH_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LocalCloudError(
                f"{name} ended with code {process.returncode}; the end of its log:\n{processes.log_tail(name)}"
            )
        if is_healthy():
            return
        time.sleep(0.1)
    raise LocalCloudError(
        f"{name} does not answer after {HEALTH_TIMEOUT_S:.0f} s; the end of its log:\n{processes.log_tail(name)}"
    )
