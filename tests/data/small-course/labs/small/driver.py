"""Beside your module in the sandbox: turns a check's request into calls on your code."""


def add(student, a, b):
    return student.add(a, b)


def mul(student, a, b):
    return student.mul(a, b)


def neg(student, a):
    return student.neg(a)


def scale(student, xs, k):
    return student.scale(xs, k)
