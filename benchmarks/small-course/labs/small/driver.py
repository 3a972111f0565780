def add(student, a, b):
    return student.add(a, b)


def mul(student, a, b):
    return student.mul(a, b)


def neg(student, a):
    return student.neg(a)
