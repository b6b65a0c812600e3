"""Where the queues, the table and the publisher are: the local cloud's, or a stage's on AWS."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from typing import Any

from infra.dlq.operations import Queues

LOCAL = "local"


@dataclass(frozen=True)
class Deployment:
    """What a command needs of one stage."""

    stage: str
    queues: Queues
    table: str
    publisher: str
    operator: str
    session: Any
    endpoint_url: str | None

    def client(self, service: str) -> Any:
        """An SDK client for this stage."""
        return self.session.client(service, endpoint_url=self.endpoint_url)


def find(stage: str) -> Deployment:
    """The stage that was named; without a name the local cloud."""
    return _local() if stage in ("", LOCAL) else _on_aws(stage)


def _local() -> Deployment:
    import boto3

    from infra.local import stack

    content = stack.read()
    # The local cloud lets this key do everything, whatever the developer's own settings are.
    session = boto3.session.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name=content["region"]
    )
    return Deployment(
        stage=LOCAL,
        queues=Queues(sources=content["queues"], dead=content["dlqs"]),
        table=content["table"],
        publisher=content["functions"]["event-publisher"],
        operator=os.environ.get("OPERATOR") or getpass.getuser(),
        session=session,
        endpoint_url=content["aws_endpoint_url"],
    )


def _on_aws(stage: str) -> Deployment:
    import boto3

    session = boto3.session.Session()
    stacks = session.client("cloudformation").describe_stacks(StackName=f"integrations-{stage}")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    return Deployment(
        stage=stage,
        queues=queues_of(outputs, stage),
        table=outputs["TableName"],
        publisher=outputs["EventPublisherFunctionName"],
        operator=os.environ.get("OPERATOR") or session.client("sts").get_caller_identity()["Arn"],
        session=session,
        endpoint_url=None,
    )


def queues_of(outputs: dict[str, str], stage: str) -> Queues:
    """Queues by the names that template.yaml gives them; every queue's address is an output."""
    sources: dict[str, str] = {}
    dead: dict[str, str] = {}
    for key, url in outputs.items():
        name = url.rsplit("/", 1)[-1].removeprefix(f"integrations-{stage}-")
        if key.endswith("QueueUrl"):
            sources[name] = url
        elif key.endswith(("DlqUrl", "FailuresUrl")):
            dead[name.removesuffix("-dlq")] = url
    return Queues(sources, dead)
