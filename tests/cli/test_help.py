"""Help of every command, and that README and docs speak of no others."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from aisys_cli.app import app

ROOT = Path(__file__).parents[2]
TREE = typer.main.get_command(app)
DOCUMENTS = ["README.md", "README.zh.md", "CONTRIBUTING.md", "tests/README.md"]
DOCUMENTS += [f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))]
# Of other programs: bwrap, docker, pip, apt-get.
OTHERS = {"--clearenv", "--rm", "--security-opt", "--index-url", "--no-cache-dir"}
OTHERS |= {"--no-install-recommends"}


def tree(command=TREE, path=()):
    """(path, command) of everything that can be run."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from tree(child, (*path, name))


EVERY = dict(tree())
NAMES = [" ".join(("aisys", *path)) for path in EVERY]


def options_of(command):
    return {word for one in command.params for word in [*one.opts, *one.secondary_opts]}


def test_the_commands_of_a_student_and_of_a_teacher_are_there():
    lab = {"list", "start", "show", "test", "hint", "repro", "status", "reset", "submit"}
    assert lab <= set(EVERY["lab",].commands)
    assert {"lab", "grade", "grade-all", "course", "demo", "doctor", "help"} <= set(TREE.commands)


@pytest.mark.parametrize("path", EVERY, ids=NAMES)
def test_every_command_has_help_in_80_columns_of_ascii(path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for flag in ("--help", "-h"):
        done = CliRunner().invoke(app, [*path, flag], prog_name="aisys")
        assert done.exit_code == 0, done.output
        assert done.output.startswith(" ".join(["Usage: aisys", *path]))
        assert done.output.isascii()
        assert [line for line in done.output.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("path", EVERY, ids=NAMES)
def test_every_command_says_what_it_does_in_a_sentence_that_a_list_has_room_for(path):
    text = EVERY[path].help
    assert text
    first = text.split("\n\n")[0].replace("\n", " ")
    assert first.rstrip()[-1] in ".?"
    assert first[0].isupper()
    if path:
        assert "..." not in EVERY[path].get_short_help_str(65)


@pytest.mark.parametrize("path", EVERY, ids=NAMES)
def test_every_option_and_argument_has_help(path):

    without = [one.name for one in EVERY[path].params if not getattr(one, "help", "")]
    assert without == []


@pytest.mark.parametrize("path", EVERY, ids=NAMES)
def test_an_unknown_option_is_refused_everywhere(path):
    done = CliRunner().invoke(app, [*path, "--no-such-option"], prog_name="aisys")
    assert done.exit_code == 2


# -- the documents -----------------------------------------------------------------


def mentions(name):
    """(in a code block, command line) of each `aisys ...` in a document."""
    fenced = False
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        fenced ^= line.startswith("```")
        if fenced or line.startswith("    "):
            # Columns of a table, comments and prompts are not part of a command line.
            for piece in re.split(r"\s{2,}", line.strip()):
                words = re.sub(r"^(\$ |- run: |\$\(BIN\)/|\.venv/bin/)", "", piece)
                if words.startswith("aisys "):
                    yield True, words.partition(" #")[0]
        else:
            yield from ((False, text) for text in re.findall(r"`(aisys [^`]+)`", line))


def resolve(words):
    """(the command that the words name, the words after it, its context)."""
    context = TREE.make_context("aisys", list(words))
    command, rest = TREE, [*context._protected_args, *context.args]
    while getattr(command, "commands", None) and rest:
        name, command, rest = command.resolve_command(context, rest)
        if getattr(command, "commands", None):
            context = command.make_context(name, rest, parent=context)
            rest = [*context._protected_args, *context.args]
    return command, rest, context


ALL = [(name, *mention) for name in DOCUMENTS for mention in mentions(name)]


def test_the_documents_speak_of_the_command_at_all():
    assert len([text for _, block, text in ALL if block]) >= 10
    assert {name for name, _, _ in ALL} >= {"README.md", "docs/architecture.md"}


@pytest.mark.parametrize(("name", "block", "text"), ALL)
def test_every_command_line_in_the_documents_parses(name, block, text):
    words = shlex.split(text)[1:]
    if words == ["--help"]:
        return
    command, rest, context = resolve(words)
    if block and rest:
        command.make_context(text, rest, parent=context)
        return
    # In prose a command may stand without its arguments.
    assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= options_of(command)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_option_in_the_documents_exists(name):
    known = set().union(*map(options_of, EVERY.values())) | OTHERS | {"--help"}
    text = (ROOT / name).read_text(encoding="utf-8")
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known


def test_readme_has_the_table_of_exit_codes_as_help_has_it():
    from aisys_cli.errors import ExitCode

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for code in ExitCode:
        if code is not ExitCode.INTERRUPTED:
            assert f"| {code.value} | {code.meaning} |" in text
