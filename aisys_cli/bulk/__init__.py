"""Submissions on their way through the graders: intake, pool, gradebook."""
