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
    "learn",
    "phrases",
    "reader",
    "translate",
    "translate_help",
]

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("en", "zh")
# The language of who reads what this command says, for those that are not told it.
reader: ContextVar[str] = ContextVar("reader", default="en")
_LEARNED: dict[str, dict[str, str]] = {}
_RANK, _RANK_ID = re.compile(r"rank (\d+)"), "rank {0}"
LONGEST = 4000  # characters of a sentence; a submission may have made what is longer
SHORT, _NAME = 7, re.compile(r"\S*|[\d., ]+")  # letters; "needs 1.1, 1.2"
_EXCEPTION = re.compile(r"[A-Z]\w*: ")


@functools.cache
def phrases(language: str) -> Callable[[str], str]:
    """From English to that language; what has no translation stays as it is."""
    return gettext.translation("aisys", LOCALE, [language], fallback=True).gettext


def N_(text: str) -> str:  # noqa: N802 - gettext's name for it
    """The text itself: marks a sentence that is translated where it is shown."""
    return text


def learn(language: str, sentences: Mapping[str, str]) -> None:
    """Take in what somebody else says, such as the checks of a lab, and its translation."""
    _LEARNED.setdefault(language, {}).update(sentences)
    _sentences.cache_clear()


def translate(text: str, language: str, *, depth: int = 4) -> str:
    """A sentence of ours, with the values in it, in that language; else as it is. `depth`: how
    far sentences may stand in one another."""
    if language == "en" or not text or depth == 0 or len(text) > LONGEST:
        return text
    if (whole := _whole(text, language)) != text:
        return whole

    def inner(value: str) -> str:
        # A value that is a sentence, not one that is a name.
        return translate(value, language, depth=depth - 1) if " " in value else value

    # The words of a submission's own exception are not ours.
    anchored = _EXCEPTION.match(text) is not None
    head, colon, tail = text.partition(": ")
    begins = bool(colon) and _whole(head, language) != head  # "importing the file: ..."
    found = [
        (translation, values)
        for literals, translation in _sentences(language)
        if (literals[0] or not (anchored or begins))
        and (values := _values(literals, text)) is not None
    ]
    # Several may fit. One that begins with a sentence of ours: "{0}; last seen in {1}".
    for translation, values in found:
        if text.startswith(values[0]) and inner(values[0]) != values[0]:
            return translation.format(*map(inner, values))
    if found:
        return found[0][0].format(*map(inner, found[0][1]))
    if begins:
        return f"{_whole(head, language)}: {inner(tail)}"
    for between, translated in (("\n", "\n"), ("; ", "\uff1b")):
        if between in text and not anchored:
            said = translated.join(map(inner, text.split(between)))
            return said if said != text.replace(between, translated) else text
    return text


def _whole(text: str, language: str) -> str:
    """A sentence without values, or "rank 1"."""
    if rank := _RANK.fullmatch(text):
        return phrases(language)(_RANK_ID).format(rank[1])
    return _LEARNED.get(language, {}).get(text) or phrases(language)(text)


@functools.cache
def _sentences(language: str) -> list[tuple[list[str], str]]:
    """What stands around the values of each sentence, and its translation; the sentences that
    say most first."""
    catalogue = gettext.translation("aisys", LOCALE, [language], fallback=True)
    known = getattr(catalogue, "_catalog", {})  # there is no public way to list it
    known = {**known, **_LEARNED.get(language, {})}
    found = [
        (re.split(r"\{\d\}", id), text)
        for id, text in known.items()
        if "{0}" in id and id != _RANK_ID
    ]
    return sorted(found, key=lambda one: -sum(map(len, one[0])))


def _values(literals: list[str], text: str) -> list[str] | None:
    """What stands between the literals in the text. From left to right without trying again:
    the text may hold a submission's words. Beside one short word stands a name, and a number
    behind "rank"."""
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
    values.append(rest)
    if first == "rank ":
        return values if values[0].isdecimal() else None
    short = sum(map(len, literals)) < SHORT
    return values if not short or all(map(_NAME.fullmatch, values)) else None


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
    import inspect  # not by those who only mark a sentence: every host does

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
