"""What is wrong with a command line, in one line: jsonargparse's own errors name its classes and give no remedy."""

import re
from collections.abc import Iterable

from deepsuper.common.errors import did_you_mean
from deepsuper.config.objective import renamed

KEY = re.compile(r'Parser key "([^"]+)":?')
VALUE = re.compile(r"(?:(?:Given|Got) value:|Unable to load config|Expected a dot import path string:) (.*)")
NESTED = re.compile(r"NestedArg\(key=.*, val='(.*)'\)")
NEED = re.compile(r"Expected (?:an? )?(?:<class '(\w+)'>|typing\.Literal\[(.*?)\](?=[.\n]|$))")
GROUP = re.compile(r"Unable to load config|Expected a dot import path|Not a valid subclass of")
CHOICE = re.compile(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)")
UNKNOWN = re.compile(r"(?:class_path '(.*)':\s*)?Option '(.*)' is not accepted")
UNKNOWN_KEY = re.compile(r"Subcommand '.*' does not accept option '(.*)'")
UNKNOWN_OPTION = re.compile(r"unrecognized arguments:.*?(--[\w.]+)")
NAMES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text", "NoneType": "null"}


def explain(message: str, options: Iterable[str] = ()) -> str:
    """An error of the parser as `option: need ..., got ...`, or as it is. `options`: the names that may be meant."""
    if choice := CHOICE.fullmatch(message):
        name, got, choices = choice[1].lstrip("-"), choice[2], choice[3].replace("'", "")
        return f"{name}: need one of {choices}, got {got}{did_you_mean(got, choices.split(', '))}"
    if key := UNKNOWN_KEY.fullmatch(message):
        return f"there is no option {key[1]}{did_you_mean(key[1], [name.lstrip('-') for name in options])}"
    if option := UNKNOWN_OPTION.match(message):
        return _one_line(message) + did_you_mean(option[1], options)
    _, *parts = KEY.split(message)
    return _explain_value(parts) if parts else _one_line(message)


def _explain_value(parts: list[str]) -> str:
    """An error about one option. `parts`: in turn, the option's name and what is said of it."""
    key = _full_name(parts[::2])
    text = parts[-1] if GROUP.search(parts[-1]) or len(parts) == 2 else "".join(parts[1::2])
    if (unknown := UNKNOWN.search(text)) is not None:
        from pydoc import locate

        fields = getattr(locate(unknown[1] or ""), "__dataclass_fields__", ())  # of the configuration, if it is named
        return f"{key}: there is no option '{unknown[2]}'{did_you_mean(unknown[2], fields)}"
    value = VALUE.search(text)
    if value is None:
        return _one_line(f"{key}:{parts[-1]}")
    got = nested[1] if (nested := NESTED.fullmatch(value[1])) else value[1].strip("'\"")
    if message := renamed(key, got):
        return message
    if GROUP.search(text):
        return need_options(key, got)
    needed = NEED.findall(text[: value.end()])
    if not needed:
        return _one_line(f"{key}:{parts[-1]}")
    choices = [choice.strip("' ") for _, choices in needed for choice in choices.split(",") if choice]
    kinds = " or ".join(_kind(kind, choices, got) for kind, choices in needed)
    return f"{key}: need {kinds}, got {got}{did_you_mean(got, choices)}"


def need_options(key: str, got: object) -> str:
    """The message for an option that holds options of its own and was given one value."""
    last = key.rpartition(".")[2]
    first = "value" if last.endswith("_weight") else {"model": "name", "objective": "method"}.get(last)
    if first is None:
        return f"{key}: need its options by name (--{key}.OPTION VALUE, or {last}: {{OPTION: VALUE}}), got {got}"
    return (
        f"{key}: need its options by name, got {got}: --{key}.{first} {got}, or {last}: {{{first}: {got}}} in a recipe"
    )


def _full_name(keys: list[str]) -> str:
    """The option that nested errors are about: each name is the full one, or relative to the name before it."""
    name = keys[0]
    for key in keys[1:]:
        name = key if key.startswith(name) else f"{name}.{key}"
    return name


def _kind(kind: str, choices: str, got: str) -> str:
    if choices:
        return "one of " + choices.replace("'", "")
    return f"a list such as '[{got}]'" if kind == "list" else NAMES.get(kind, kind)


def _one_line(message: str) -> str:
    return re.sub(r"\s*\n[\s-]*", " ", message.strip())
