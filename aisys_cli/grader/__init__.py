"""The trusted side: what a lab author writes checks with, and what runs them.

    from aisys_cli.grader import agree, check

    @check("1.3")
    @given(programs(), points())
    def gradients_match_pytorch(student, program, x):
        agree(student.gradient(program, x), oracle.gradient(program, x), of=program)

`student.NAME(...)` calls the function NAME of the lab's driver beside the submission,
in the sandbox; arguments and results are plain data. Seed and number of inputs come
from aisys. See docs/course-format.md.
"""

from aisys_cli.grader.checks import always, check
from aisys_cli.grader.compare import Mismatch, agree, describe, difference
from aisys_cli.grader.student import StudentRaised
from aisys_cli.grader.world import Run, World, worlds

__all__ = [
    "Mismatch",
    "Run",
    "StudentRaised",
    "World",
    "agree",
    "always",
    "check",
    "describe",
    "difference",
    "worlds",
]
