"""What source code says, as the key of its translation."""

import ast
import itertools
import re


def sentence(node):
    """The text of a literal; of an f-string with {0}, {1} for its values."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    numbers = itertools.count()
    parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
    return re.sub(r"\{\}", lambda _: f"{{{next(numbers)}}}", "".join(parts))
