"""The HTML report: one file for a class and everybody in it, or for one submission.

    model.py     what is on it: distributions, pass rates, misconceptions, students
    page.py      the page itself: Jinja's template, a style sheet, thirty lines of script

The file needs nothing else: no network, no font, no picture. Its Content-Security-Policy names the
one script and the one style sheet by their hashes, so that what a student has printed is
text even if an escape were forgotten.
"""

from aisys_cli.report.html.page import class_html, to_html

__all__ = ["class_html", "to_html"]
