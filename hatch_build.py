"""Puts the course without its solutions into a wheel; an editable install has it beside."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BundleCourse(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"] |= {
                name: f"aisys_cli/bundled/{name}" for name in ("course.toml", "labs", "grading")
            }
