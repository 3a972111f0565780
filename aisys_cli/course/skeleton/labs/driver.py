"""Beside your module in the sandbox: turns a check's request into calls on your code."""


def logsumexp(student, x):
    return student.logsumexp(x)


def softmax(student, x):
    return student.softmax(x)
