"""`.local/stack.json`: the one file by which tests and other clients find the local cloud."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from infra.local import artifacts, deploy, tenants
from infra.local.console import LocalCloudError
from infra.local.settings import REGION, STACK_FILE, Settings

TAP_QUEUE = "local-event-tap"
# A reader that only looks gives the events back soon, so that readers don't starve each other.
TAP_VISIBILITY_S = "2"


def create_event_tap(settings: Settings, bus: str) -> str:
    """A queue that gets every event of our source; there is none on AWS."""
    queue_url = deploy.client(settings, "sqs").create_queue(
        QueueName=TAP_QUEUE, Attributes={"VisibilityTimeout": TAP_VISIBILITY_S}
    )["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:000000000000:{TAP_QUEUE}"
    events = deploy.client(settings, "events")
    events.put_rule(Name=TAP_QUEUE, EventBusName=bus, EventPattern=json.dumps({"source": ["integrations"]}))
    events.put_targets(Rule=TAP_QUEUE, EventBusName=bus, Targets=[{"Id": "tap", "Arn": arn}])
    return queue_url


def describe(settings: Settings, demo_tenants: list[tenants.DemoTenant]) -> dict[str, Any]:
    """Everything an outside client needs; no token and no credentials."""
    cloudformation = deploy.client(settings, "cloudformation")
    outputs = deploy.outputs(cloudformation)
    physical = deploy.physical_ids(cloudformation)
    queues, dead_letters = _queues(cloudformation)
    return {
        "api_base_url": settings.api_base_url,
        "aws_endpoint_url": settings.aws_url,
        "region": REGION,
        "table": outputs["TableName"],
        "bus": outputs["BusName"],
        "queues": queues,
        "dlqs": dead_letters,
        "event_tap_queue_url": create_event_tap(settings, outputs["BusName"]),
        "sandbox_url": settings.sandbox_url,
        "token_url": f"{settings.issuer}/token",
        "functions": {
            package: physical[logical_id]
            for logical_id, package in artifacts.functions(artifacts.template()).items()
        },
        "tenants": [tenant.public() for tenant in demo_tenants],
    }


def _queues(cloudformation: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Queue name without its stage to address. Dead letters stand apart, under the name of the queue
    that they come from."""
    queues: dict[str, str] = {}
    dead_letters: dict[str, str] = {}
    resources = cloudformation.describe_stack_resources(StackName=deploy.STACK_NAME)["StackResources"]
    for resource in resources:
        if resource["ResourceType"] != "AWS::SQS::Queue":
            continue
        url = resource["PhysicalResourceId"]
        name = url.rsplit("/", 1)[1].removeprefix(f"integrations-{deploy.STAGE}-")
        is_dead = name.endswith(("-failures", "-dlq"))
        (dead_letters if is_dead else queues)[name.removesuffix("-dlq")] = url
    return queues, dead_letters


def write(content: dict[str, Any]) -> None:
    """Replaces the file in one go: a reader sees the old one or the new one."""
    draft = STACK_FILE.with_suffix(".tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    Path(draft).replace(STACK_FILE)


def read() -> dict[str, Any]:
    """The running stack, or a clear word that there is none."""
    try:
        return json.loads(STACK_FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LocalCloudError("the local cloud is not up: run `make up` first") from None
