"""Builds the functions, the sandbox and the tools, and lays the template out as `sam build` would.

SAM's own build makes the release profile, one function at a time; the everyday profile of the whole
workspace takes seconds. What is deployed is the same template with other `CodeUri`s.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

from infra.local.console import LocalCloudError, step
from infra.local.settings import BUILD, ROOT, TEMPLATE, target_dir

SANDBOX = "provider-sandbox"
# What an operator runs here, as `make backfill` does; the tests run it too.
TOOLS = ("booking-backfill",)
FUNCTION_TYPE = "AWS::Serverless::Function"
NESTED_TYPE = "AWS::CloudFormation::Stack"


def template() -> dict[str, Any]:
    """The template with the short forms of its functions written out."""
    from samcli.yamlhelper import yaml_parse

    return yaml_parse(TEMPLATE.read_text(encoding="utf-8"))


def functions(parsed: dict[str, Any]) -> dict[str, str]:
    """Logical id to package name, which is also the name of the folder under `functions/`."""
    return {
        logical_id: Path(resource["Properties"]["CodeUri"]).name
        for logical_id, resource in parsed["Resources"].items()
        if resource["Type"] == FUNCTION_TYPE
    }


def nested_templates(parsed: dict[str, Any]) -> list[Path]:
    """The files of nested stacks, which SAM CLI packages beside the template."""
    resources = parsed["Resources"].values()
    return [ROOT / item["Properties"]["TemplateURL"] for item in resources if item["Type"] == NESTED_TYPE]


def build(packages: list[str]) -> None:
    """Builds what runs locally, in the everyday profile. Cargo shows its own progress."""
    command = ["cargo", "build", "--locked"]
    for package in [*packages, SANDBOX, *TOOLS]:
        command += ["-p", package]
    with step("build the functions, the provider sandbox and the tools (minutes the first time)"):
        done = subprocess.run(command, cwd=ROOT, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise LocalCloudError("the build failed, see above")


def binary(package: str) -> Path:
    """What Cargo has built for a package."""
    path = target_dir() / "debug" / package
    if not path.exists():
        raise LocalCloudError(f"{path} is missing although the build went well")
    return path


def digest(paths: list[Path], *facts: str) -> str:
    """One hash over files and settings: when it is unchanged, so is what they lead to."""
    total = hashlib.sha256()
    for path in paths:
        total.update(hashlib.sha256(path.read_bytes()).digest())
    for fact in facts:
        total.update(fact.encode() + b"\0")
    return total.hexdigest()


def stage(parsed: dict[str, Any]) -> Path:
    """Writes `.local/build/`: a bootstrap per function and the template that points to them."""
    from samcli.yamlhelper import yaml_dump

    shutil.rmtree(BUILD, ignore_errors=True)
    for logical_id, package in functions(parsed).items():
        folder = BUILD / logical_id
        folder.mkdir(parents=True)
        _strip(binary(package), folder / "bootstrap")
        parsed["Resources"][logical_id]["Properties"]["CodeUri"] = logical_id
        parsed["Resources"][logical_id].pop("Metadata", None)
    for source in nested_templates(parsed):
        copy = BUILD / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    staged = BUILD / "template.yaml"
    staged.write_text(yaml_dump(parsed), encoding="utf-8")
    return staged


def _strip(source: Path, destination: Path) -> None:
    """A copy without symbols, a fifth of the size to zip; a plain copy where `strip` is missing."""
    stripper = shutil.which("strip")
    done = stripper and subprocess.run([stripper, "-o", str(destination), str(source)], check=False, capture_output=True)
    if not done or done.returncode != 0:
        shutil.copyfile(source, destination)
    destination.chmod(0o755)
