"""A wheat: every receive of a collective is under way before anything is sent.

Sends are waited for at the very end. Nothing relies on the order of messages with the same tag:
each carries the number of its step.
"""

import torch


class Mail:
    """Works by name; `with` waits for what is left."""

    def __init__(self, comm):
        self.comm, self.works = comm, []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            for work in self.works:
                work.wait()

    def expect(self, tensor, src, tag):
        return self.comm.irecv(tensor, src, tag)

    def post(self, tensor, dst, tag):
        self.works.append(self.comm.isend(tensor, dst, tag))


def _check(x, op):
    if op not in ("sum", "prod", "max", "mean"):
        raise ValueError("op: " + repr(op))
    if op == "mean" and not x.dtype.is_floating_point:
        raise TypeError("mean: " + str(x.dtype))


def _combined(a, b, op):
    if op == "max":
        return torch.max(a, b)
    return a.mul(b) if op == "prod" else a.add(b)


def _own(x):
    return x.detach().reshape(-1).clone(memory_format=torch.contiguous_format)


def reduce_scatter(x, comm, op="sum"):
    _check(x, op)
    p, r = comm.size, comm.rank
    chunks = _own(x).tensor_split(p)
    with Mail(comm) as mail:
        order = [chunks[(r - k) % p] for k in range(2, p + 1)]
        inbox = [torch.empty_like(chunk) for chunk in order]
        expected = [mail.expect(box, (r - 1) % p, k) for k, box in enumerate(inbox)]
        total = chunks[(r - 1) % p]
        for k, work in enumerate(expected):
            mail.post(total, (r + 1) % p, k)
            work.wait()
            total = _combined(order[k], inbox[k], op)
    return total.clone() if op != "mean" else total / p


def all_gather(chunk, comm, n=None):
    p, r = comm.size, comm.rank
    whole = torch.empty(chunk.numel() * p if n is None else n, dtype=chunk.dtype)
    chunks = whole.tensor_split(p)
    chunks[r].copy_(chunk.detach().reshape(-1))
    with Mail(comm) as mail:
        expected = [mail.expect(chunks[(r - k) % p], (r - 1) % p, k) for k in range(1, p)]
        for k, work in enumerate(expected):
            mail.post(chunks[(r - k) % p], (r + 1) % p, k + 1)
            work.wait()
    return whole


def ring_all_reduce(x, comm, op="sum"):
    return all_gather(reduce_scatter(x, comm, op), comm, x.numel()).view(x.shape)


def broadcast(x, comm, root=0):
    p = comm.size
    whole = _own(x)
    place = (comm.rank - root) % p
    with Mail(comm) as mail:
        span = 1 << (p - 1).bit_length()
        if place:
            span = place & -place
            mail.expect(whole, (place - span + root) % p, 0).wait()
        while span > 1:
            span >>= 1
            if place + span < p:
                mail.post(whole, (place + span + root) % p, 0)
    return whole.view(x.shape)


def halving_doubling_all_reduce(x, comm, op="sum"):
    _check(x, op)
    p, r = comm.size, comm.rank
    q = 1 << (p.bit_length() - 1)
    whole = _own(x)
    if r < p - q:  # the first ranks are the guests here
        with Mail(comm) as mail:
            result = torch.empty_like(whole)
            work = mail.expect(result, r + p - q, 1)
            mail.post(whole, r + p - q, 0)
            work.wait()
        return result.view(x.shape)
    guest = r - (p - q) if r - (p - q) < p - q else None
    me, shift = r - (p - q), p - q

    # Which elements are mine after each halving: place bits from the lowest one up.
    spans = [(0, whole.numel())]
    for k in range(q.bit_length() - 1):
        lo, hi = spans[-1]
        mid = lo + (hi - lo + 1) // 2
        spans.append((mid, hi) if me >> k & 1 else (lo, mid))

    with Mail(comm) as mail:
        if guest is not None:
            theirs = torch.empty_like(whole)
            mail.expect(theirs, guest, 0).wait()
            whole = _combined(whole, theirs, op)
        inbox = [torch.empty(hi - lo, dtype=x.dtype) for lo, hi in spans[1:]]
        expected = [mail.expect(box, (me ^ 1 << k) + shift, 10 + k) for k, box in enumerate(inbox)]
        part = whole
        for k, work in enumerate(expected):
            keep = spans[k + 1]
            cut = keep[0] - spans[k][0], keep[1] - spans[k][0]
            give = part[cut[1] :] if cut[0] == 0 and not me >> k & 1 else part[: cut[0]]
            mail.post(give, (me ^ 1 << k) + shift, 10 + k)
            work.wait()
            part = _combined(part[cut[0] : cut[1]], inbox[k], op)
        if op == "mean":
            part = part / p
        for k in reversed(range(len(expected))):
            length = spans[k][1] - spans[k][0] - part.numel()
            other = torch.empty(length, dtype=x.dtype)
            work = mail.expect(other, (me ^ 1 << k) + shift, 50 + k)
            mail.post(part, (me ^ 1 << k) + shift, 50 + k)
            work.wait()
            part = torch.cat((other, part) if me >> k & 1 else (part, other))
        if guest is not None:
            mail.post(part, guest, 1)
    return part.clone().view(x.shape)


def cost(algorithm, p, n, alpha, beta):
    q = 1 << (p.bit_length() - 1)
    up = (p - 1).bit_length()
    if algorithm == "ring":
        latency, volume = 2 * (p - 1), 2 * (p - 1) / p
    elif algorithm == "tree":
        latency = volume = 2 * up
    elif algorithm == "halving_doubling":
        fold = 2 * (p != q)
        latency, volume = 2 * (q.bit_length() - 1) + fold, 2 * (q - 1) / q + fold
    else:
        raise ValueError("algorithm: " + repr(algorithm))
    return float(latency * alpha + volume * n * beta)
