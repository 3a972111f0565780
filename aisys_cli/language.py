"""The words of commands in the reader's language: gettext catalogues in locale/.

Theory of operation
-------------------
English is the key. A renderer is given its language and asks `phrases` for it; the help of commands
is translated where it stands, once the language is known.

Errors and verdicts are made where nobody knows the language, many of them in another process or
for a report that is kept. They are English sentences with values in them; `translate` finds the
sentence in the catalogue, where it stands as "cannot write {0}: {1}", and puts the values, which
may be sentences themselves, into its translation.

tests/cli/test_language.py reads the code for every sentence: what is given to `_`, `N_`, `say`,
`tell`, `translate` and to an AisysError. `make catalogues` compiles aisys.po.
"""

from __future__ import annotations

import functools
import gettext
import inspect
import itertools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

__all__ = [
    "LANGUAGES",
    "LOCALE",
    "N_",
    "language_asked",
    "language_of_locale",
    "phrases",
    "reader",
    "translate",
    "translate_help",
]

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("en", "zh")
# The language of who reads what this command says, for those that are not told it.
reader: ContextVar[str] = ContextVar("reader", default="en")


@functools.cache
def phrases(language: str) -> Callable[[str], str]:
    """From English to that language; what has no translation stays as it is."""
    return gettext.translation("aisys", LOCALE, [language], fallback=True).gettext


def N_(text: str) -> str:  # noqa: N802 - gettext's name for it
    """The text itself: marks a sentence that is translated where it is shown."""
    return text


def translate(text: str, language: str) -> str:
    """A sentence of ours, with the values in it, in that language; else as it is."""
    if language == "en" or not text:
        return text
    whole = phrases(language)(text)
    if whole != text:
        return whole
    exception = re.match(r"[A-Z]\w*: ", text)  # a submission's own: its words are not ours
    for literals, translation in _sentences(language):
        values = _values(literals, text) if literals[0] or not exception else None
        if values is not None:
            return translation.format(*(_value(one, language) for one in values))
    head, colon, tail = text.partition(": ")  # "rank 1: ...", "importing the file: ..."
    if colon and (said := translate(head, language)) != head:
        return f"{said}: {translate(tail, language)}"
    if "\n" in text:
        return "\n".join(translate(line, language) for line in text.split("\n"))
    return text


def _value(text: str, language: str) -> str:
    """A value in a sentence: translated if it is a sentence, not if it is a name."""
    return translate(text, language) if " " in text else text


@functools.cache
def _sentences(language: str) -> list[tuple[list[str], str]]:
    """What stands around the values of each sentence, and its translation; the sentences that
    say most first."""
    catalogue = gettext.translation("aisys", LOCALE, [language], fallback=True)
    known = getattr(catalogue, "_catalog", {})  # there is no public way to list it
    found = [(re.split(r"\{\d\}", id), text) for id, text in known.items() if "{0}" in id]
    return sorted(found, key=lambda one: -sum(map(len, one[0])))


def _values(literals: list[str], text: str) -> list[str] | None:
    """What stands between the literals in the text. From left to right without trying again:
    the text may hold a submission's words."""
    first, *between, last = literals
    end = len(text) - len(last)
    if end < len(first) or not text.startswith(first) or not text.endswith(last):
        return None
    rest = text[len(first) : end]
    values = []
    for literal in between:
        value, found, rest = rest.partition(literal)
        if not found:
            return None
        values.append(value)
    return [*values, rest]


def language_of_locale(environment: Mapping[str, str]) -> str:
    """zh for a Chinese locale, else en."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return "zh" if environment[name].startswith("zh") else "en"
    return "en"


def language_asked(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """The language of help, which is printed before options are read in full."""
    for word, after in itertools.pairwise([*words, ""]):
        if word == "--lang" and after in LANGUAGES:
            return after
        if word.removeprefix("--lang=") in LANGUAGES:
            return word.removeprefix("--lang=")
    asked = environment.get("AISYS_LANG", "")
    return asked if asked in LANGUAGES else language_of_locale(environment)


def translate_help(command: Any, language: str) -> None:
    """Put the help of a command, its options and all below it into that language."""
    say = phrases(language)
    # What the option parser says itself, such as the heading "Options", it asks of gettext.
    os.environ["LANGUAGE"] = language
    gettext.bindtextdomain("aisys", str(LOCALE))
    gettext.textdomain("aisys")
    todo = [command]
    while todo:
        one = todo.pop()
        for thing in (one, *one.params):
            if getattr(thing, "help", None):
                thing.help = say(inspect.cleandoc(thing.help))
        todo += getattr(one, "commands", {}).values()
