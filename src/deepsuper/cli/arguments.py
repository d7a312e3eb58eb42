"""What the parsers of several commands share: arguments, and configurations made from their values."""

import os
from argparse import ArgumentError
from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import is_dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_origin, get_type_hints

from jsonargparse import SUPPRESS, ArgumentParser, Namespace, set_parsing_settings

from deepsuper.cli.messages import explain, need_options
from deepsuper.common.errors import UserError, did_you_mean
from deepsuper.common.lines import decode
from deepsuper.config import ModelConfig, RunConfig

EPILOG = "Every value of a recipe can be changed on the command line: --training.learning_rate 1e-5"
Config = TypeVar("Config")


def class_parser(config: type[Any], description: str, file: str = "recipe") -> ArgumentParser:
    """A parser whose options are the fields of a configuration, with their docstrings, also read from a YAML `file`."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument(
        "--config", action="config", help=f"the {file}: a YAML file; {file.upper()}.yaml alone means the same"
    )
    parser.add_class_arguments(config)
    for action in parser._actions:
        if hasattr(action, "_check_type") and get_origin(getattr(action, "_typehint", None)) is list:
            action._check_type = partial(_check_list, action._check_type)
    return parser


def _check_list(
    check: Callable[..., Any], value: Any, append: bool = False, cfg: Namespace | None = None, mode: str | None = None
) -> Any:
    """The checked list, which replaces an earlier one: jsonargparse would fill missing fields of its items from there.

    Appended items (`--data.train+`) and changed fields (`--data.train.path`) still use the earlier list.
    """
    replaces = isinstance(value, list | str) and not append
    return check(value, append=append, cfg=None if replaces else cfg, mode=mode)


def from_values(config: type[Config], parsed: Namespace) -> Config:
    """The configuration with the values that its `class_parser` parsed."""
    _check_groups(config, parsed)
    fields = {name: parsed[name] for name in config.__dataclass_fields__}  # type: ignore[attr-defined]
    parser: ArgumentParser = _instantiator(cast(Any, config))  # mypy takes no type of a type variable for hashable
    instantiated = parser.instantiate(Namespace(**fields))  # type: ignore[no-untyped-call]
    return config(**{name: instantiated[name] for name in fields})


@cache
def _instantiator(config: type[Any]) -> ArgumentParser:
    return class_parser(config, "")


def _check_groups(config: type[Any], values: Namespace, prefix: str = "") -> None:
    """Raises: UserError where a recipe has one value for a group of options; jsonargparse checks the top level only."""
    for name, kind in get_type_hints(config).items():
        if isinstance(kind, type) and is_dataclass(kind):
            if not isinstance(values[name], Namespace):
                raise UserError(need_options(prefix + name, values[name]))
            _check_groups(kind, values[name], f"{prefix}{name}.")


NO_PATHS = ("text", "prompt")
"""Options whose values are texts, so that `~/` in them is not expanded."""


def expand_home(values: Namespace) -> None:
    """Replaces a leading `~/` with the home folder: shells do not expand it in YAML or after `=`."""
    for name, value in vars(values).items():
        if name not in NO_PATHS:
            vars(values)[name] = _expanded(value)


def _expanded(value: Any) -> Any:
    if isinstance(value, Namespace):
        expand_home(value)
    if isinstance(value, list):
        return [_expanded(one) for one in value]
    return os.path.expanduser(value) if isinstance(value, str) and f"{value}/".startswith("~/") else value


def check_recipes(line: Sequence[str], options: Collection[str] | None = None) -> None:
    """Raises: UserError naming a recipe of the command line that is not UTF-8, not YAML, or no mapping of options.

    `options`: those that the command has, such as --model; None: its own parser checks them.
    """
    for before, word in pairwise(["", *line]):
        name = word.removeprefix("--config=") if word.startswith("--config=") else word if before == "--config" else ""
        file = Path(name).expanduser()
        if name and file.is_file():
            _check_recipe(name, file.read_bytes(), options)


def _check_recipe(name: str, data: bytes, options: Collection[str] | None) -> None:
    import yaml

    try:
        values = yaml.safe_load(decode(data))
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or error
        raise UserError(f"{name}{f':{mark.line + 1}' if mark else ''}: is not YAML: {problem}") from error
    if not isinstance(values, dict):
        example = "model: {name: gemma-3-270m}"
        raise UserError(f"{name}: need options by name, such as `{example}`, got {str(values)[:80]!r}")
    unknown = [key for key in values if options is not None and f"--{key}" not in options]
    if unknown:
        meant = did_you_mean(str(unknown[0]), [option.lstrip("-") for option in options or ()])
        raise UserError(f"{name}: there is no option {unknown[0]}{meant}")


def recipe_parser(description: str) -> ArgumentParser:
    """The parser of a command that takes a recipe of `train`."""
    return class_parser(RunConfig, f"{description} {EPILOG}")


def add_resume(parser: ArgumentParser, meaning: str) -> None:
    """Adds --resume. What `train --print_config` prints has it, so whatever reads a recipe must know it."""
    parser.add_argument("--resume", nargs="?", const=True, default=False, type=bool | Literal["auto"], help=meaning)


@cache
def _recipe_alone() -> ArgumentParser:
    parser = recipe_parser("")
    add_resume(parser, SUPPRESS)
    return parser


def parse_recipe(line: Sequence[str]) -> RunConfig:
    """The configuration of `RECIPE.yaml --name value ...`, as `deepsuper train` reads it; nothing is checked yet."""
    given = ["--config", *line] if line and not line[0].startswith("-") else line
    return from_values(RunConfig, parse_alone(_recipe_alone(), given))


def option_names(parser: ArgumentParser) -> list[str]:
    """The options of a parser, such as --model."""
    return [name for name in parser._option_string_actions if name.startswith("--")]


def parse_alone(parser: ArgumentParser, line: Sequence[str]) -> Namespace:
    """The values of a line without its command. Raises: UserError in one line where it cannot be read."""
    parser.exit_on_error = parser.allow_abbrev = False
    try:
        values: Namespace = parser.parse_args(list(line))
    except ArgumentError as error:
        check_recipes(line)
        raise UserError(explain(str(error), option_names(parser))) from error
    expand_home(values)
    return values


def add_fields(parser: ArgumentParser, config: type[Any], but: Set[str]) -> None:
    """Adds the fields of a configuration as options, except those in `but`; their docstrings are the help texts."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser.add_class_arguments(config, as_group=False, skip=set(but))


def field_values(config: type[Any], parsed: Namespace) -> dict[str, Any]:
    """The values of the options that have the same name as a field of the configuration."""
    return {name: parsed[name] for name in config.__dataclass_fields__ if name in parsed}


def add_weights_arguments(parser: ArgumentParser) -> None:
    """Adds the options of loading a model; `model_config` reads their values."""
    add_fields(parser, ModelConfig, but={"name", "attention"})


def model_config(name: str, parsed: Namespace) -> ModelConfig:
    """The configuration of a model, with the values of the options of `add_weights_arguments`."""
    return ModelConfig(name, parsed.revision, parsed.dtype, trust_remote_code=parsed.trust_remote_code)


def split_names(text: str) -> tuple[Any, ...]:
    """The names in a comma-separated text, without duplicates: `a, b` is ("a", "b")."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",")))
