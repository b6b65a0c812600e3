"""Where the table and the tenants' secrets are: the local cloud's, or a stage's on AWS."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from typing import Any

from infra.local.console import LocalCloudError

LOCAL = "local"
STACK_PREFIX = "integrations"
# Any function that reads connections has the settings which the tool needs.
SETTINGS_OF = "booking-import"
SETTINGS = ("TABLE_NAME", "SECRET_PREFIX")


@dataclass(frozen=True)
class Place:
    """The environment of the tool, for one stage."""

    operator: str
    environment: dict[str, str]


def find(stage: str) -> Place:
    """The stage that was named; without a name the local cloud."""
    return _local() if stage in ("", LOCAL) else _on_aws(stage)


def _local() -> Place:
    import boto3

    from infra.local import stack

    content = stack.read()
    own = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": content["region"],
        "AWS_ENDPOINT_URL": content["aws_endpoint_url"],
    }
    session = boto3.session.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name=content["region"]
    )
    functions = session.client("lambda", endpoint_url=content["aws_endpoint_url"])
    settings = settings_of(functions, content["functions"][SETTINGS_OF])
    # The developer's own settings must not lead a run for the local cloud to AWS.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return Place(os.environ.get("OPERATOR") or getpass.getuser(), {**inherited, **own, **settings})


def _on_aws(stage: str) -> Place:
    import boto3

    session = boto3.session.Session()
    stack_name = f"{STACK_PREFIX}-{stage}"
    stacks = session.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    parameters = {it["ParameterKey"]: it["ParameterValue"] for it in stacks[0].get("Parameters", [])}
    operator = os.environ.get("OPERATOR") or session.client("sts").get_caller_identity()["Arn"]
    region = {"AWS_REGION": session.region_name} if session.region_name else {}
    return Place(operator, {**os.environ, **region, **settings_on_aws(outputs, parameters, stage)})


def settings_of(functions: Any, function_name: str) -> dict[str, str]:
    """The settings as a deployed function has them."""
    found = functions.get_function_configuration(FunctionName=function_name)
    variables = found.get("Environment", {}).get("Variables", {})
    return required({name: variables.get(name, "") for name in SETTINGS}, function_name)


def settings_on_aws(outputs: dict[str, str], parameters: dict[str, str], stage: str) -> dict[str, str]:
    """The same from the stack alone, as template.yaml puts them together: an operator who may describe
    the stack need not read functions."""
    prefix = parameters.get("SecretPrefix")
    settings = {
        "TABLE_NAME": outputs.get("TableName", ""),
        "SECRET_PREFIX": f"{prefix}/{stage}/tenants" if prefix else "",
    }
    return required(settings, f"stack {STACK_PREFIX}-{stage}")


def required(settings: dict[str, str], where: str) -> dict[str, str]:
    """The settings, or a word about what is missing."""
    missing = [name for name, value in settings.items() if not value]
    if missing:
        raise LocalCloudError(f"{where} does not tell {' and '.join(missing)}: is it this project's?")
    return settings
