"""Which submissions are alike: fingerprints of their code, compared in pairs.

Winnowing (S. Schleimer, D. Wilkerson, A. Aiken: Winnowing: Local Algorithms for Document
Fingerprinting, SIGMOD 2003): hashes of K tokens in a row, of which the smallest of every WINDOW is
kept. Whatever two files have in common for K + WINDOW - 1 tokens gives a common
fingerprint. Comments and blanks are left out; names, numbers and texts count as such, so that
renaming hides nothing.

What the starter, the handout and the hints have is discounted, and so is what more than COMMON
of the submissions have: in a lab of small holes that is how the thing is written. The rest
weighs the more the fewer have it. Nothing here is a score: two students may have had the same
idea, and a person has to look.

compare50 has the same method and more comparisons, but pins an attrs that Hypothesis does not
work with, and is under the GPL; copydetect reads files from disk and brings matplotlib.
"""

from __future__ import annotations

import heapq
import math
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

import msgspec

__all__ = ["Pair", "Passage", "given_code", "similar"]

K = 15  # tokens
WINDOW = 8
COMMON = 0.2  # of the submissions
MANY = 5  # or so many of them, where that is more
MAX_TOKENS = 200_000  # of one submission


class Passage(msgspec.Struct, frozen=True):
    """Lines, from and to, of a file of each of two submissions that are alike."""

    file: str
    lines: tuple[int, int]
    other_file: str
    other_lines: tuple[int, int]


class Pair(msgspec.Struct, frozen=True):
    """Two submissions. `share` is how much of what is unusual in the one with less of it
    the other has too, from 0 to 1; `passages` are the longest first."""

    first: str
    second: str
    share: float
    passages: tuple[Passage, ...]


class _Print(msgspec.Struct, frozen=True):
    """Where a fingerprint stands: the file, its first and its last line."""

    file: str
    start: int
    end: int


def given_code(texts: Iterable[str]) -> set[int]:
    """The fingerprints of what everybody was given; Markdown counts with its code."""
    found: set[int] = set()
    for text in texts:
        found |= {hash for hash, _, _ in _hashes(text)}
        for block in re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            found |= {hash for hash, _, _ in _hashes(block)}
    return found


def similar(
    submissions: Mapping[str, Mapping[str, bytes]], given: set[int], *, most: int = 20
) -> list[Pair]:
    """The pairs that are most alike, by their share. Every submission is {file: its bytes}."""
    prints = {id: _fingerprints(files, given) for id, files in submissions.items()}
    owners: dict[int, list[str]] = defaultdict(list)
    for id, found in prints.items():
        for hash in found:
            owners[hash].append(id)
    limit = max(MANY, COMMON * len(prints))
    # In the order of the hashes: a sum of floats depends on it.
    weight = {
        hash: math.log(1 + len(prints) / len(ids))
        for hash, ids in sorted(owners.items())
        if len(ids) <= limit
    }
    whole: dict[str, float] = defaultdict(float)
    shared: dict[tuple[str, str], float] = defaultdict(float)
    for hash, unusual in weight.items():
        for id in owners[hash]:
            whole[id] += unusual
        for pair in combinations(sorted(owners[hash]), 2):
            shared[pair] += unusual
    ranked = heapq.nlargest(
        most, ((total / min(whole[a], whole[b]), a, b) for (a, b), total in shared.items())
    )
    return [
        Pair(a, b, min(share, 1.0), _passages(prints[a], prints[b], weight))
        for share, a, b in ranked
    ]


def _fingerprints(files: Mapping[str, bytes], given: set[int]) -> dict[int, _Print]:
    found: dict[int, _Print] = {}
    for name, data in sorted(files.items()):
        for hash, start, end in _winnowed(_hashes(data.decode("utf-8", errors="replace"))):
            if hash not in given:
                found.setdefault(hash, _Print(name, start, end))
    return found


def _hashes(text: str) -> Iterator[tuple[int, int, int]]:
    """(hash, first line, last line) of every K tokens in a row."""
    tokens = list(_tokens(text))
    for at in range(len(tokens) - K + 1):
        words = "\0".join(word for word, _ in tokens[at : at + K])
        yield zlib.crc32(words.encode()), tokens[at][1], tokens[at + K - 1][1]


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """(kind or text, line) of what is not blank, comment or docstring."""
    from pygments.lexers.python import PythonLexer  # comes with rich
    from pygments.token import Comment, Name, Number, String, Whitespace

    line, count = 1, 0
    for kind, word in PythonLexer().get_tokens(text):
        at, line = line, line + word.count("\n")
        if kind in Comment or kind in String.Doc or kind in Whitespace or not word.strip():
            continue
        if kind in Name and kind not in Name.Builtin:
            yield "N", at
        elif kind in Number or kind in String:
            yield "V", at
        else:
            yield word, at
        count += 1
        if count == MAX_TOKENS:
            return


def _winnowed(hashes: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """The smallest of every WINDOW in a row, the last of equal ones; each once."""
    row = list(hashes)
    chosen = -1
    for at in range(max(len(row) - WINDOW + 1, min(len(row), 1))):
        window = range(at, min(at + WINDOW, len(row)))
        best = min(window, key=lambda i: (row[i][0], -i))
        if best != chosen:
            chosen = best
            yield row[best]


def _passages(
    one: Mapping[int, _Print], other: Mapping[int, _Print], weight: Mapping[int, float]
) -> tuple[Passage, ...]:
    """The lines in common, neighbours put together."""
    both = sorted(
        (one[hash].file, one[hash].start, hash)
        for hash in one.keys() & other.keys()
        if hash in weight
    )
    found: list[Passage] = []
    for _, _, hash in both:
        a, b = one[hash], other[hash]
        last = found[-1] if found else None
        if last and _continues(last, a, b):
            found[-1] = msgspec.structs.replace(
                last,
                lines=(last.lines[0], max(last.lines[1], a.end)),
                other_lines=(min(last.other_lines[0], b.start), max(last.other_lines[1], b.end)),
            )
        else:
            found.append(Passage(a.file, (a.start, a.end), b.file, (b.start, b.end)))
    return tuple(sorted(found, key=lambda p: p.lines[0] - p.lines[1]))


def _continues(last: Passage, a: _Print, b: _Print) -> bool:
    if (last.file, last.other_file) != (a.file, b.file) or a.start > last.lines[1] + 1:
        return False
    start, end = last.other_lines
    return start - 1 <= b.start <= end + 1 or start - 1 <= b.end <= end + 1
