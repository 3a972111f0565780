"""From what was handed in to submissions: files as bytes, or one sentence on why there are none.

    layouts.py     a folder as Gradescope, Canvas, Moodle or a teacher fills it -> Handed
    reading.py     Handed -> Submission: folders, single files
    archives.py    zip and tar, in memory
    notebooks.py   the code of a notebook as a module

Nothing is imported, executed or written here, no link is followed, and no more is read
than the limits allow. A submission that cannot be used is still a submission: it gets a
report that says what is wrong with it.
"""

from aisys_cli.bulk.intake.layouts import LAYOUTS, find_submissions
from aisys_cli.bulk.intake.reading import read_handed, read_submission
from aisys_cli.bulk.intake.records import Handed, Submission

__all__ = [
    "LAYOUTS",
    "Handed",
    "Submission",
    "find_submissions",
    "read_handed",
    "read_submission",
]
