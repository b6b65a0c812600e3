"""Builds the shipped functions by cargo-lambda: one zip per function in `target/lambda/`.

    python3 infra/package.py arm64|x86_64

Called by `make package`. The release profile of Cargo.toml applies; what the machine lacks is said
before anything is built.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGETS = {"arm64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}


def functions() -> list[str]:
    """The folders under `functions/`."""
    return sorted(path.parent.name for path in (ROOT / "functions").glob("*/Cargo.toml"))


def require_target(architecture: str) -> str:
    """The Rust target, or the commands that get it or do without it."""
    target = TARGETS.get(architecture)
    if target is None:
        raise SystemExit(f"ARCH={architecture!r}: choose one of {', '.join(TARGETS)}")
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True, cwd=ROOT)
    if not (Path(sysroot.stdout.strip()) / "lib" / "rustlib" / target / "lib").is_dir():
        raise SystemExit(
            f"the Rust target {target} is not installed. Get it with\n"
            f"    rustup target add {target}\n"
            "or, where it can't be had, build for the other architecture and deploy with Architecture=x86_64:\n"
            "    make package ARCH=x86_64"
        )
    return target


def build(architecture: str, target: str) -> None:
    """One cargo-lambda run for all functions, so that they share what they have in common."""
    subprocess.run([sys.executable, "-m", "infra.local", "environment", "--packaging"], cwd=ROOT, check=True)
    command = ["cargo", "lambda", "build", "--release", "--locked", "--output-format", "zip", "--target", target]
    for name in functions():
        command += ["-p", name]
    scripts = str(ROOT / ".venv" / "bin")
    # cargo-lambda looks for its cross compiler on the PATH, where only this folder has the pinned one.
    environment = {**os.environ, "PATH": scripts + os.pathsep + os.environ["PATH"]}
    print(f"-> release build for {architecture} (fat LTO: several minutes per function)", flush=True)
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0:
        raise SystemExit("the release build failed, see above")


def check() -> None:
    """Every function must have come out as a zip with an executable bootstrap."""
    target_dir = Path(os.environ.get("CARGO_TARGET_DIR") or "target")
    for name in functions():
        archive = ROOT / target_dir / "lambda" / name / "bootstrap.zip"
        with zipfile.ZipFile(archive) as opened:
            entry = opened.getinfo("bootstrap")
        print(f"   {archive}: {archive.stat().st_size / 1e6:.1f} MB, unpacked {entry.file_size / 1e6:.1f} MB")


def main(arguments: list[str]) -> int:
    """Packages for one architecture."""
    architecture = arguments[0] if arguments else "arm64"
    started = time.monotonic()
    build(architecture, require_target(architecture))
    check()
    print(f"packaged for {architecture} in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
