"""`mmc completion SHELL`: a completion script, from the same parsers that read the command line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from mmc.arguments import Parser, one_of
from mmc.commands import Command

INSTALL = {
    "bash": 'eval "$(mmc completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(mmc completion zsh)"   # in ~/.zshrc, after compinit',
    "fish": "mmc completion fish > ~/.config/fish/completions/mmc.fish",
}
FILES = "FILES"


@dataclass(frozen=True)
class Flag:
    """One option: its spellings, and what it takes: nothing (None), FILES, or one of some words."""

    names: tuple[str, ...]
    help: str
    takes: str | None


Tree = dict[str, tuple[str, list[Flag], str]]
"""Command -> its help, its options, and the words that its positional arguments take (or FILES)."""


def command(parser: Callable[[], Parser]) -> Command:
    """Return the command; `parser` makes the parser of all commands."""
    text = "print a completion script for a shell"
    return Command("completion", "lists", text, configure, partial(run, parser))


def configure(parser: Parser) -> None:
    """Add the shell."""
    names = "|".join(INSTALL)
    kind = one_of(tuple(INSTALL), (), "completion")
    parser.add_argument("shell", metavar=names, type=kind, help="the shell to make it for")
    lines = [f"  {shell:5} {how}" for shell, how in INSTALL.items()]
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["to have it in every new shell:", *lines])


def run(parser: Callable[[], Parser], args: argparse.Namespace) -> int:
    """Print the script."""
    writers = {"bash": bash, "zsh": zsh, "fish": fish}
    print("\n".join(writers[args.shell](tree_of(parser()))))
    return 0


def tree_of(parser: argparse.ArgumentParser) -> Tree:
    """Return the commands and their options, without those that do not exist yet."""
    found: Tree = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, one in action.choices.items():
                if one.description != argparse.SUPPRESS:
                    found[name] = describe(one)
    return found


def describe(parser: argparse.ArgumentParser) -> tuple[str, list[Flag], str]:
    """Return a command's help, its options and what its positional arguments take."""
    flags, places = [], []
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        if action.option_strings:
            flags.append(Flag(tuple(action.option_strings), clean(action.help), taken(action)))
        else:
            places.append(taken(action) or FILES)
    return parser.description or "", flags, places[0] if places else ""


def taken(action: argparse.Action) -> str | None:
    """Return the words an option takes, by its metavar such as keep|nhwc; FILES for any other."""
    if action.nargs == 0:
        return None
    name = str(action.metavar)
    if name == "T":
        from mmc.target import targets

        return " ".join(targets())
    return name.replace("|", " ") if re.fullmatch(r"[a-z0-9_]+(\|[a-z0-9_]+)+", name) else FILES


def clean(text: str | None) -> str:
    """Return help without what shells would read as something else."""
    return " ".join(re.sub(r"[^\w .,;/=()-]", " ", text or "").split())


def bash(tree: Tree) -> Iterator[str]:
    """Yield the script for bash."""
    yield "_mmc() {"
    yield '  local word="${COMP_WORDS[COMP_CWORD]}" last="${COMP_WORDS[COMP_CWORD-1]}"'
    yield '  local words="" files=""'
    yield '  if [ "$COMP_CWORD" = 1 ]; then'
    yield f'    words="{" ".join(tree)} --help --version"'
    yield '  else case "${COMP_WORDS[1]}:$last" in'
    for name, (_, flags, places) in tree.items():
        for flag in flags:
            if flag.takes is not None:
                patterns = "|".join(f"{name}:{spelling}" for spelling in flag.names)
                yield f"    {patterns}) {offer(flag.takes)};;"
        listed = " ".join(spelling for flag in flags for spelling in flag.names)
        yield f'    {name}:*) {offer(places)}; [[ "$word" == -* ]] && words="{listed}";;'
    yield "  esac; fi"
    yield '  COMPREPLY=($(compgen -W "$words" -- "$word"))'
    yield '  [ -z "$files" ] || [[ "$word" == -* ]] || COMPREPLY+=($(compgen -f -- "$word"))'
    yield "}"
    yield "complete -o filenames -F _mmc mmc"


def offer(takes: str) -> str:
    """Return the assignment that offers files or words."""
    return "files=1" if takes == FILES else f'words="{takes}"'


def zsh(tree: Tree) -> Iterator[str]:
    """Yield the script for zsh."""
    yield "#compdef mmc"
    yield "_mmc() {"
    yield "  if (( CURRENT == 2 )); then"
    yield "    local -a commands=("
    yield from (f"      '{name}:{clean(text)}'" for name, (text, _, _) in tree.items())
    yield "    )"
    yield "    _describe command commands; return"
    yield "  fi"
    yield '  local command="$words[2]"'
    yield "  shift words; (( CURRENT-- ))"
    yield '  case "$command" in'
    for name, (_, flags, places) in tree.items():
        yield f"    {name}) _arguments \\"
        for flag in flags:
            value = "" if flag.takes is None else f":value:{action(flag.takes)}"
            for spelling in flag.names:
                yield f"      '*{spelling}[{flag.help}]{value}' \\"
        yield f"      '*:argument:{action(places)}';;"
    yield "  esac"
    yield "}"
    yield "compdef _mmc mmc"


def action(takes: str) -> str:
    """Return what zsh does for a value."""
    return "_files" if takes == FILES else f"({takes})"


def fish(tree: Tree) -> Iterator[str]:
    """Yield the script for fish."""
    yield "complete -c mmc -f"
    for name, (text, flags, places) in tree.items():
        yield f"complete -c mmc -n __fish_use_subcommand -a {name} -d '{clean(text)}'"
        here = f"complete -c mmc -n '__fish_seen_subcommand_from {name}'"
        if places:
            yield f"{here} -F" if places == FILES else f"{here} -a '{places}'"
        for flag in flags:
            spelled = " ".join(
                f"-l {s[2:]}" if s.startswith("--") else f"-s {s[1:]}" for s in flag.names
            )
            value = {None: "", FILES: " -r -F"}.get(flag.takes, f" -x -a '{flag.takes}'")
            yield f"{here} {spelled}{value} -d '{flag.help}'"
