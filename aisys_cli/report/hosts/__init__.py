"""Reports in the formats of the hosts that run graders: pure functions from reports to text.

github.py        annotations: workflow commands, which a submission must not be able to write
markdown.py      a job summary, a comment, a page
gradescope.py    results.json of an autograder
classroom50.py   result.json of a submission
prairielearn.py  results.json of an external grader
"""
