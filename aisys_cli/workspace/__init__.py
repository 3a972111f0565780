"""A student's directory: which labs were started, how far they are, what failed last."""
