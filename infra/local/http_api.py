"""Gives the deployed HTTP API the routes that MiniStack does not read from the template.

SAM turns `HttpApi` events into an OpenAPI body on the API resource. AWS imports that body; MiniStack
keeps the API and leaves the body alone. So the body is read from the processed template, and its
routes, integrations and authorizers are made through the same API that AWS offers. What is deployed
on AWS stays plain SAM.
"""

from __future__ import annotations

import re
from typing import Any, Callable

from infra.local import deploy
from infra.local.console import LocalCloudError
from infra.local.settings import API_ID, REGION, Settings

API_TYPE = "AWS::ApiGatewayV2::Api"
ACCOUNT = "000000000000"
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "x-amazon-apigateway-any-method")
Resolve = Callable[[Any], Any]


def publish(settings: Settings) -> None:
    """Makes the routes of the stack's one HTTP API, replacing earlier ones."""
    cloudformation = deploy.client(settings, "cloudformation")
    gateway = deploy.client(settings, "apigatewayv2")
    template = deploy.processed_template(cloudformation)
    resolve = resolver(deploy.physical_ids(cloudformation), deploy.stack_parameters(cloudformation))
    apis = {name: item for name, item in template["Resources"].items() if item["Type"] == API_TYPE}
    if len(apis) != 1:
        raise LocalCloudError(f"expected one HTTP API in the processed template, found {len(apis)}")
    ((logical_id, api),) = apis.items()
    api_id = resolve({"Ref": logical_id})
    if api_id != API_ID:
        raise LocalCloudError(f"the API's id is {api_id} and not {API_ID}: MiniStack's way to make it has changed")
    _clear(gateway, api_id)
    body = resolve(api["Properties"]["Body"])
    authorizers = _create_authorizers(gateway, api_id, body)
    for path, operations in body.get("paths", {}).items():
        for method in METHODS:
            if method in operations:
                _create_route(gateway, api_id, method, path, operations[method], authorizers)


def _clear(gateway: Any, api_id: str) -> None:
    """Everything of an earlier deployment goes, so that a route taken out of the template is gone."""
    for route in gateway.get_routes(ApiId=api_id)["Items"]:
        gateway.delete_route(ApiId=api_id, RouteId=route["RouteId"])
    for integration in gateway.get_integrations(ApiId=api_id)["Items"]:
        gateway.delete_integration(ApiId=api_id, IntegrationId=integration["IntegrationId"])
    for authorizer in gateway.get_authorizers(ApiId=api_id)["Items"]:
        gateway.delete_authorizer(ApiId=api_id, AuthorizerId=authorizer["AuthorizerId"])


def _create_authorizers(gateway: Any, api_id: str, body: dict[str, Any]) -> dict[str, str]:
    """The JWT authorizers of the body, by name."""
    created: dict[str, str] = {}
    for name, scheme in body.get("components", {}).get("securitySchemes", {}).items():
        settings = scheme.get("x-amazon-apigateway-authorizer", {})
        if settings.get("type") != "jwt":
            raise LocalCloudError(f"authorizer {name}: the local cloud knows JWT authorizers only")
        token = settings["jwtConfiguration"]
        answer = gateway.create_authorizer(
            ApiId=api_id, Name=name, AuthorizerType="JWT",
            IdentitySource=[settings["identitySource"]],
            JwtConfiguration={"Issuer": token["issuer"], "Audience": token["audience"]},
        )
        created[name] = answer["AuthorizerId"]
    return created


def _create_route(
    gateway: Any, api_id: str, method: str, path: str, operation: dict[str, Any], authorizers: dict[str, str]
) -> None:
    """One operation of the body: its integration, then the route with its authorizer and scopes."""
    integration = operation["x-amazon-apigateway-integration"]
    made = gateway.create_integration(
        ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationMethod="POST",
        IntegrationUri=_function_arn(integration["uri"]),
        PayloadFormatVersion=integration["payloadFormatVersion"],
        TimeoutInMillis=int(integration.get("timeoutInMillis", 30000)),
    )
    verb = "ANY" if method.startswith("x-") else method.upper()
    key = "$default" if path == "/$default" else f"{verb} {path}"
    protection: dict[str, Any] = {"AuthorizationType": "NONE"}
    for requirement in operation.get("security", []):
        for name, scopes in requirement.items():
            if name == "NONE":
                continue
            protection = {
                "AuthorizationType": "JWT", "AuthorizerId": authorizers[name], "AuthorizationScopes": scopes or [],
            }
    target = f"integrations/{made['IntegrationId']}"
    gateway.create_route(ApiId=api_id, RouteKey=key, Target=target, **protection)


def _function_arn(uri: str) -> str:
    """The function inside the long form of an integration's address."""
    found = re.search(r"functions/(arn:[^/]+)/invocations", uri)
    if not found:
        raise LocalCloudError(f"integration address not understood: {uri}")
    return found.group(1)


def resolver(physical: dict[str, str], parameters: dict[str, str]) -> Resolve:
    """Works out the few CloudFormation functions that SAM puts into the body."""
    known = {
        "AWS::Region": REGION, "AWS::Partition": "aws", "AWS::AccountId": ACCOUNT, "AWS::URLSuffix": "amazonaws.com",
        **parameters, **physical,
    }

    def reference(name: str) -> str:
        base, _, attribute = name.partition(".")
        if base not in known:
            raise LocalCloudError(f"the API's body refers to {name}, which the local cloud can't work out")
        if attribute == "Arn":
            return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{known[base]}"
        return known[base]

    def resolve(value: Any) -> Any:
        if isinstance(value, list):
            return [resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Ref"}:
            return reference(value["Ref"])
        if set(value) == {"Fn::GetAtt"}:
            parts = value["Fn::GetAtt"]
            return reference(parts if isinstance(parts, str) else ".".join(parts))
        if set(value) == {"Fn::Sub"}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: reference(found.group(1)), value["Fn::Sub"])
        return {key: resolve(item) for key, item in value.items()}

    return resolve
