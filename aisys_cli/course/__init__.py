"""A course on disk: course.toml, labs/, grading/, solutions/ -> typed records."""
