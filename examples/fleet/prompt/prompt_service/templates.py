"""Prompt templates, which come from users and are therefore rendered in a sandbox."""

import re

from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
_environment.filters["squeeze"] = lambda text: re.sub(r"\s+", " ", str(text)).strip()


class BadTemplate(ValueError):
    """The template cannot be read, or a variable is missing."""


def render(template: str, variables: dict[str, object]) -> str:
    try:
        return _environment.from_string(template).render(variables)
    except TemplateError as error:
        raise BadTemplate(error.message or type(error).__name__) from error


def variables_of(template: str) -> list[str]:
    try:
        return sorted(meta.find_undeclared_variables(_environment.parse(template)))
    except TemplateError as error:
        raise BadTemplate(error.message or type(error).__name__) from error
