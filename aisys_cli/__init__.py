"""aisys: lab runner and autograder for courses on AI systems."""

__version__ = "0.1.0"
