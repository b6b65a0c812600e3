"""What must be on the machine before anything starts, and the pinned Python environment.

Runs on the system's own Python, before the environment exists: standard library only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from infra.local.console import LocalCloudError, step
from infra.local.settings import ROOT, STATE, VENV, has_tool

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.lock"
PACKAGE_LOCK = HERE / "requirements-package.lock"

NEEDED = {
    "cargo": "Rust 1.95 or newer (rustup installs it)",
    "cc": "a C compiler (Debian: apt-get install gcc libc6-dev; macOS: xcode-select --install)",
}


def check() -> None:
    """Names everything that is missing at once, with the way to get it."""
    missing = [f"  {name}: {way}" for name, way in NEEDED.items() if not has_tool(name)]
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            missing.append(f"  python3 {module}: Debian: apt-get install python3-venv")
    if missing:
        raise LocalCloudError("missing on this machine:\n" + "\n".join(missing))


def _stamp(lock: Path) -> Path:
    return VENV / f".installed-{lock.stem}"


def _wanted(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _is_current(lock: Path) -> bool:
    """The stamp alone is not enough: the interpreter behind a link may be gone after an update."""
    stamp = _stamp(lock)
    python = VENV / "bin" / "python"
    return python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == _wanted(lock)


def ensure_environment(with_packaging: bool = False) -> None:
    """Makes `.venv` match the lock; a changed lock means a new environment, not an upgraded one."""
    if not _is_current(LOCK):
        with step(f"Python environment in {VENV.relative_to(ROOT)} (once per lock file)"):
            shutil.rmtree(VENV, ignore_errors=True)
            _run([_base_python(), "-m", "venv", str(VENV)])
            _install(LOCK)
    if with_packaging and not _is_current(PACKAGE_LOCK):
        with step("cargo-lambda and its cross compiler (about 100 MB, once)"):
            _install(PACKAGE_LOCK)


def _base_python() -> str:
    """The interpreter outside any environment: the one being deleted can't make the next one."""
    return getattr(sys, "_base_executable", None) or sys.executable


def _install(lock: Path) -> None:
    # Wheels only: building a package here would need compilers nobody asked for, and would run
    # code that no hash covers. The lock names every package, so pip has nothing to resolve.
    _run(
        [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--require-hashes", "--no-deps", "--only-binary=:all:", "-r", str(lock)]
    )
    _stamp(lock).write_text(_wanted(lock), encoding="utf-8")


def _run(command: list[str]) -> None:
    STATE.mkdir(exist_ok=True)
    done = subprocess.run(command, cwd=ROOT, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        raise LocalCloudError(f"`{' '.join(command[:4])} …` failed, see above; {VENV} was removed again")


def inside_environment() -> bool:
    """Whether this process already runs on the pinned environment."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def enter_environment() -> None:
    """Starts this command again on the pinned environment. Does not return when it had to."""
    if inside_environment():
        return
    python = str(VENV / "bin" / "python")
    os.execv(python, [python, "-m", "infra.local", *sys.argv[1:]])
