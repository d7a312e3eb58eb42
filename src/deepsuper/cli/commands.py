"""What a command is: its help, its parser and what it runs. Commands can have commands of their own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jsonargparse import ArgumentParser, Namespace


@dataclass(frozen=True)
class Command:
    """One command: `help` is its line in the list; `recipe`: its first argument may be the YAML file of `--config`."""

    help: str
    parser: Callable[[], ArgumentParser]
    run: Callable[[Namespace, list[str]], None] | None = None
    recipe: bool = False
    commands: Mapping[str, "Command"] = field(default_factory=dict)


Commands = Mapping[str, Command]


def add_commands(parser: ArgumentParser, commands: Commands, asked: Sequence[str] | None = None) -> None:
    """Adds the commands, and the commands of each, to a parser.

    `asked`: the command that is run, such as data, check; None: all. Making the options of all takes most of a start.
    """
    group = parser.add_subcommands(dest="command", required=True)
    for name, command in commands.items():
        wanted = asked is None or list(asked[:1]) == [name]
        made = command.parser() if wanted else ArgumentParser()
        group.add_subcommand(name, made, help=command.help)
        if wanted and command.commands:  # only after `made` is part of its parent, as jsonargparse demands
            add_commands(made, command.commands, None if asked is None else asked[1:])


def run_command(parsed: Namespace, line: list[str], commands: Commands) -> None:
    """Runs the command that `parsed` names."""
    command, values = commands[parsed.command], parsed[parsed.command]
    if command.commands:
        run_command(values, line, command.commands)
    if command.run is not None:
        command.run(values, line)


def path_of(line: Sequence[str], commands: Commands) -> Iterator[tuple[str, Command]]:
    """The names and commands that a command line begins with, such as `data` and `data check`."""
    if line and line[0] in commands:
        yield line[0], commands[line[0]]
        yield from path_of(line[1:], commands[line[0]].commands)
