"""Where the randomness of a check comes from: the course, the lab, the check, a number.

The same submission, lab version and seed give the same inputs. A hidden check's inputs
also depend on the course's secret, so that knowing its code is not knowing its inputs;
a public check's do not, so that a student sees at home what the grader sees.
"""

from __future__ import annotations

import hashlib
import os

from aisys_cli.course.records import Check, LabFile

__all__ = ["SECRET_VARIABLE", "check_seed", "course_secret"]

SECRET_VARIABLE = "AISYS_COURSE_SECRET"  # noqa: S105 - a name, not a secret


def course_secret() -> str:
    """The teacher's secret, from the environment; empty for an open course."""
    return os.environ.get(SECRET_VARIABLE, "")


def check_seed(lab: LabFile, check: Check, seed: int, *, secret: str) -> int:
    """A 64-bit seed for one check."""
    key = b""
    if secret and check.visibility == "hidden":
        # A key has 64 bytes at most; a secret may be of any length.
        key = hashlib.blake2b(secret.encode(errors="surrogateescape")).digest()
    text = f"{lab.id}\0{lab.version}\0{check.id}\0{seed}"
    digest = hashlib.blake2b(text.encode(), digest_size=8, key=key)
    return int.from_bytes(digest.digest(), "big")
