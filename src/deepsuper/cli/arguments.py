"""What several commands' parsers share: arguments, and the configurations made of their values."""

from __future__ import annotations

import os
from collections.abc import Callable, Set
from dataclasses import is_dataclass
from functools import partial
from typing import Any, TypeVar, get_origin, get_type_hints

from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

from deepsuper.cli.messages import need_options
from deepsuper.common.errors import UserError
from deepsuper.config import ModelConfig, RunConfig

EPILOG = "Every value of a recipe can be changed on the command line: --training.learning_rate 1e-5"
Config = TypeVar("Config")


def class_parser(config: type[Any], description: str) -> ArgumentParser:
    """A parser whose options are the fields of a configuration, with their docstrings, also read from a YAML file."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--config", action="config", help="the recipe: a YAML file; RECIPE.yaml alone means the same")
    parser.add_class_arguments(config)
    for action in parser._actions:
        if hasattr(action, "_check_type") and get_origin(getattr(action, "_typehint", None)) is list:
            action._check_type = partial(_check_list, action._check_type)
    return parser


def _check_list(
    check: Callable[..., Any], value: Any, append: bool = False, cfg: Namespace | None = None, mode: str | None = None
) -> Any:
    """A list that takes the place of an earlier one.

    By itself jsonargparse fills in the items of a list from those of an earlier one of the same length, and has no
    option against it. Items that are added (`--data.train+`) and fields that are changed (`--data.train.path`) still
    see the earlier list.
    """
    replaces = isinstance(value, list | str) and not append
    return check(value, append=append, cfg=None if replaces else cfg, mode=mode)


def from_values(config: type[Config], parsed: Namespace) -> Config:
    """The configuration that the options of its `class_parser` say."""
    _check_groups(config, parsed)
    fields = {name: parsed[name] for name in config.__dataclass_fields__}  # type: ignore[attr-defined]
    instantiated = class_parser(config, "").instantiate(Namespace(**fields))  # type: ignore[no-untyped-call]
    return config(**{name: instantiated[name] for name in fields})


def _check_groups(config: type[Any], values: Namespace, prefix: str = "") -> None:
    """Raises: UserError where a recipe gives one value in place of options; jsonargparse sees it at the top only."""
    for name, kind in get_type_hints(config).items():
        if isinstance(kind, type) and is_dataclass(kind):
            if not isinstance(values[name], Namespace):
                raise UserError(need_options(prefix + name, values[name]))
            _check_groups(kind, values[name], f"{prefix}{name}.")


NO_PATHS = ("text", "prompt")
"""Options whose texts are taken as they are."""


def expand_home(values: Namespace) -> None:
    """Puts the user's home in place of a leading `~/`, which no shell expands in YAML or after `=`."""
    for name, value in vars(values).items():
        if name not in NO_PATHS:
            vars(values)[name] = _expanded(value)


def _expanded(value: Any) -> Any:
    if isinstance(value, Namespace):
        expand_home(value)
    if isinstance(value, list):
        return [_expanded(one) for one in value]
    return os.path.expanduser(value) if isinstance(value, str) and f"{value}/".startswith("~/") else value


def recipe_parser(description: str) -> ArgumentParser:
    """The parser of a command that takes a recipe of `train`."""
    return class_parser(RunConfig, f"{description} {EPILOG}")


def add_fields(parser: ArgumentParser, config: type[Any], but: Set[str]) -> None:
    """The fields of a configuration as options, but those of these names: with their types, defaults and docstrings."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser.add_class_arguments(config, as_group=False, skip=set(but))


def field_values(config: type[Any], parsed: Namespace) -> dict[str, Any]:
    """The values of those options that are called as fields of a configuration are."""
    return {name: parsed[name] for name in config.__dataclass_fields__ if name in parsed}


def add_weights_arguments(parser: ArgumentParser) -> None:
    """How a model's weights are read; `model_config` reads the values."""
    add_fields(parser, ModelConfig, but={"name", "attention"})


def model_config(name: str, parsed: Namespace) -> ModelConfig:
    """The model of that name, read as the options of `add_weights_arguments` say."""
    return ModelConfig(name, parsed.revision, parsed.dtype, trust_remote_code=parsed.trust_remote_code)


def split_names(text: str) -> tuple[Any, ...]:
    """`a, b` as a tuple, each name once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",")))
