"""Deploys the staged template onto MiniStack with SAM CLI and reads back what came of it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from infra.local.console import LocalCloudError, step
from infra.local.settings import (
    AUDIENCE, LOGS, REGION, ROOT, STACK_NAME, STAGE, Settings, architecture, ca_bundle, clean_environment, program,
)

BUCKET = "local-deployment-artifacts"
# Vendors answer slowly now and then; the sandbox never does unless it is told to, and a test that
# waits for a timeout should not wait long.
LOCAL_INTEGRATION_TIMEOUT_MS = "2000"
EMPTY = '""'


def client(settings: Settings, service: str) -> Any:
    """An SDK client that talks to MiniStack whatever the developer's own AWS settings are."""
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
    )
    config = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 2}, proxies={})
    return session.client(service, endpoint_url=settings.aws_url, config=config)


def parameters(settings: Settings) -> dict[str, str]:
    """What the local stage sets in the template."""
    return {**_provider_parameters(settings), **_own_parameters(settings)}


def _provider_parameters(settings: Settings) -> dict[str, str]:
    """Where the providers are, and what of them is a setting."""
    return {
        "HubspotBaseUrl": settings.provider_url(
            "HUBSPOT_BASE_URL", "hubspot", "https://api.hubapi.com", "HUBSPOT_TOKEN"
        ),
        "HubspotApiVersion": settings.value("HUBSPOT_API_VERSION", "2026-03"),
        "SalesforceBaseUrl": settings.provider_url(
            "SALESFORCE_BASE_URL", "salesforce/{domain}", "https://{domain}.my.salesforce.com",
            "SALESFORCE_DOMAIN", "SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET",
        ),
        "SalesforceApiVersion": settings.value("SALESFORCE_API_VERSION", "v67.0"),
        "PipedriveBaseUrl": settings.provider_url(
            "PIPEDRIVE_BASE_URL", "pipedrive/{domain}", "https://{domain}.pipedrive.com",
            "PIPEDRIVE_DOMAIN", "PIPEDRIVE_TOKEN",
        ),
        "PipedriveOauthBaseUrl": settings.value("PIPEDRIVE_OAUTH_BASE_URL", f"{settings.sandbox_url}/pipedrive/_oauth"),
        "AcuityBaseUrl": settings.provider_url(
            "ACUITY_BASE_URL", "acuity", "https://acuityscheduling.com", "ACUITY_USER_ID", "ACUITY_KEY"
        ),
        "AcuityRowsMax": settings.value("ACUITY_ROWS_MAX", "100"),
        "SquareBaseUrl": settings.provider_url(
            "SQUARE_BASE_URL", "square", "https://connect.squareup.com",
            "SQUARE_CLIENT_ID", "SQUARE_CLIENT_SECRET", "SQUARE_REDIRECT_URI",
        ),
        "SquareVersion": settings.value("SQUARE_VERSION", "2026-05-20"),
        "VagaroBaseUrl": settings.provider_url(
            "VAGARO_BASE_URL", "vagaro", "https://api.vagaro.com",
            "VAGARO_REGION", "VAGARO_CLIENT_ID", "VAGARO_CLIENT_SECRET",
        ),
        "VagaroSourceAddresses": settings.value("WEBHOOK_SOURCE_ADDRESSES"),
    }


def _own_parameters(settings: Settings) -> dict[str, str]:
    """What is the stage's own."""
    return {
        "Stage": STAGE,
        "Architecture": architecture(),
        "JwtIssuer": settings.issuer,
        "JwtAudience": AUDIENCE,
        "ImportHorizonDays": settings.value("IMPORT_HORIZON_DAYS", "400"),
        # By hand here, with events/booking-sweep/slot.json and events/crm-sweep/slot.json: tests would meet sweeps at any moment.
        "SweepScheduleState": "DISABLED",
        "IntegrationTimeoutMs": settings.value("INTEGRATION_TIMEOUT_MS", LOCAL_INTEGRATION_TIMEOUT_MS),
        "BackoffMaxMs": settings.value("BACKOFF_MAX_MS", "60000"),
        "LogLevel": settings.value("LOG_LEVEL", "INFO").upper(),
        "LogRetentionDays": "1",
        "CaBundlePath": ca_bundle(),
        "PublicBaseUrl": settings.api_base_url,
        "WebhookSecretGraceS": settings.value("WEBHOOK_SECRET_GRACE_S", "86400"),
    }


def deploy(settings: Settings, staged: Path) -> None:
    """One `sam deploy`; its output goes to a log and to the terminal only when it fails."""
    s3 = client(settings, "s3")
    s3.create_bucket(Bucket=BUCKET)
    command = [
        program("sam"), "deploy",
        "--template-file", str(staged),
        "--stack-name", STACK_NAME,
        "--s3-bucket", BUCKET,
        "--region", REGION,
        "--capabilities", "CAPABILITY_IAM",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        "--no-progressbar",
        # The developer's samconfig.toml is for AWS; nothing of it belongs here.
        "--config-file", str(staged.with_name("samconfig.local.toml")),
        # One that is left out keeps what it was, and a bare empty one is refused.
        "--parameter-overrides", *(f"{name}={value or EMPTY}" for name, value in parameters(settings).items()),
    ]
    staged.with_name("samconfig.local.toml").write_text("version = 0.1\n", encoding="utf-8")
    environment = clean_environment(
        AWS_ENDPOINT_URL=settings.aws_url, SAM_CLI_TELEMETRY="0", SAM_CLI_POLL_DELAY="1", __SAM_CLI_APP_DIR=str(LOGS),
    )
    with step("deploy template.yaml with SAM CLI"):
        done = subprocess.run(
            command, cwd=ROOT, env=environment, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    log = LOGS / "deploy.log"
    log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        raise LocalCloudError(f"sam deploy failed; the end of {log}:\n{tail}")


def physical_ids(cloudformation: Any) -> dict[str, str]:
    """Logical id to deployed name."""
    described = cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in described}


def outputs(cloudformation: Any) -> dict[str, str]:
    """The stack's outputs."""
    stack = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def stack_parameters(cloudformation: Any) -> dict[str, str]:
    """The parameters the stack really has, defaults included."""
    stack = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    return {item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])}


def processed_template(cloudformation: Any) -> dict[str, Any]:
    """The template after the SAM transform: what CloudFormation has really worked on."""
    import json

    from samcli.yamlhelper import yaml_parse

    body = cloudformation.get_template(StackName=STACK_NAME, TemplateStage="Processed")["TemplateBody"]
    if isinstance(body, dict):
        return body
    return json.loads(body) if body.lstrip().startswith("{") else yaml_parse(body)
