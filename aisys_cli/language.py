"""The words of commands in the reader's language: gettext catalogues in locale/.

English is the key. A renderer is given its language and asks `phrases` for it; the help of commands
is translated where it stands, once the language is known. `make catalogues` compiles aisys.po; a
test compares it with what the code says.
"""

from __future__ import annotations

import functools
import gettext
import inspect
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "LANGUAGES",
    "LOCALE",
    "language_asked",
    "language_of_locale",
    "phrases",
    "translate_help",
]

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("en", "zh")


@functools.cache
def phrases(language: str) -> Callable[[str], str]:
    """From English to that language; what has no translation stays as it is."""
    return gettext.translation("aisys", LOCALE, [language], fallback=True).gettext


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
