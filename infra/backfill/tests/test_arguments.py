"""What `make backfill` is given, and where it finds a stage's table and secrets."""

from __future__ import annotations

import tempfile
import unittest
from typing import Any

from infra.backfill import place
from infra.backfill.cli import checked
from infra.local.console import LocalCloudError


class FakeFunctions:
    """Lambda, as far as the command sees it."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803: the SDK's name
        return {"FunctionName": FunctionName, "Environment": {"Variables": self._variables}}


class Arguments(unittest.TestCase):
    def test_arguments_name_everything_that_is_missing(self) -> None:
        with self.assertRaisesRegex(LocalCloudError, "^TENANT and CSV missing; usage: make backfill"):
            checked({"SYSTEM": "vagaro", "CSV": " "})

    def test_file_that_is_not_there_is_told_before_anything_is_built(self) -> None:
        with self.assertRaisesRegex(LocalCloudError, "CSV=/nowhere/export.csv: there is no such file"):
            checked({"TENANT": "acme", "SYSTEM": "vagaro", "CSV": "/nowhere/export.csv"})

    def test_arguments_are_handed_on_with_the_whole_path(self) -> None:
        with tempfile.NamedTemporaryFile(suffix=" export.csv") as file:
            arguments = checked({"TENANT": "acme", "SYSTEM": "vagaro", "CSV": file.name})
        self.assertEqual(arguments[:4], ["--tenant", "acme", "--system", "vagaro"])
        self.assertTrue(arguments[5].endswith(" export.csv"))


class Places(unittest.TestCase):
    def test_settings_of_the_local_cloud_are_those_of_a_function(self) -> None:
        functions = FakeFunctions({"TABLE_NAME": "t", "SECRET_PREFIX": "p/local/tenants", "OTHER": "x"})
        settings = place.settings_of(functions, "booking-import")
        self.assertEqual(settings, {"TABLE_NAME": "t", "SECRET_PREFIX": "p/local/tenants"})

    def test_settings_on_aws_are_put_together_as_the_template_does(self) -> None:
        settings = place.settings_on_aws({"TableName": "t"}, {"SecretPrefix": "integrations"}, "dev")
        self.assertEqual(settings, {"TABLE_NAME": "t", "SECRET_PREFIX": "integrations/dev/tenants"})
        template = (place_template()).replace(" ", "")
        self.assertIn("SECRET_PREFIX:!Sub${SecretPrefix}/${Stage}/tenants", template)
        self.assertIn("TABLE_NAME:!RefTable", template)

    def test_stack_of_another_project_is_told(self) -> None:
        with self.assertRaisesRegex(LocalCloudError, "does not tell TABLE_NAME and SECRET_PREFIX"):
            place.settings_on_aws({}, {}, "dev")


def place_template() -> str:
    """The template's text."""
    from infra.local.settings import TEMPLATE

    return TEMPLATE.read_text(encoding="utf-8")


if __name__ == "__main__":
    unittest.main()
