"""A wheat: a class for each algorithm, barriers here and there, and MPICH's fold.

Of the first 2 (p - q) ranks the odd ones hand their data to the even one below; the survivors
are numbered anew from 0 to q - 1.
"""

import torch


class Op:
    def __init__(self, name, dtype):
        self.name = name
        if not hasattr(self, f"on_{name}") or not isinstance(name, str):
            raise ValueError(f"unknown op {name!r}")
        if name == "mean" and not dtype.is_floating_point:
            raise TypeError(f"mean of {dtype}")

    def __call__(self, into, other):
        getattr(self, f"on_{self.name}")(into, other)

    def on_sum(self, into, other):
        into += other

    def on_prod(self, into, other):
        into *= other

    def on_max(self, into, other):
        into[:] = torch.maximum(into, other)

    on_mean = on_sum

    def finish(self, tensor, size):
        if self.name == "mean":
            tensor /= size


class Chunks:
    """A flat buffer with its chunks by number, counted round and round."""

    def __init__(self, flat, count):
        self.flat = flat
        self.views = torch.tensor_split(flat, count)

    def __getitem__(self, number):
        return self.views[number % len(self.views)]


class Ring:
    def __init__(self, comm):
        self.comm = comm
        self.next = (comm.rank + 1) % comm.size
        self.previous = (comm.rank - 1) % comm.size

    def step(self, out, into):
        self.comm.sendrecv(
            send_tensor=out, dst=self.next, recv_tensor=into, src=self.previous, tag=1
        )

    def reduce(self, chunks, op):
        first = self.comm.rank - 1
        for number in range(first, first - self.comm.size + 1, -1):
            inbox = torch.empty_like(chunks[number - 1])
            self.step(chunks[number], inbox)
            op(chunks[number - 1], inbox)

    def gather(self, chunks):
        first = self.comm.rank
        for number in range(first, first - self.comm.size + 1, -1):
            self.step(chunks[number], chunks[number - 1])


class Cube:
    """The survivors of the fold, at the corners of a cube."""

    def __init__(self, comm):
        self.comm = comm
        self.size = 1 << (comm.size.bit_length() - 1)
        self.pairs = comm.size - self.size
        r = comm.rank
        self.paired = r < 2 * self.pairs
        self.out = self.paired and r % 2 == 1
        self.place = r // 2 if self.paired else r - self.pairs

    def rank_of(self, place):
        return 2 * place if place < self.pairs else place + self.pairs

    def fold(self, flat, op):
        if self.out:
            self.comm.send(flat, self.comm.rank - 1)
        elif self.paired:
            inbox = torch.empty_like(flat)
            self.comm.recv(inbox, self.comm.rank + 1)
            op(flat, inbox)

    def unfold(self, flat):
        if self.out:
            self.comm.recv(flat, self.comm.rank - 1)
        elif self.paired:
            self.comm.send(flat, self.comm.rank + 1)

    def reduce(self, flat, op):
        """Leaves this place's block complete; the blocks to gather, the last one first."""
        chunks = flat.tensor_split(self.size)
        starts = [0]
        for chunk in chunks:
            starts.append(starts[-1] + chunk.numel())
        lo, hi, blocks = 0, self.size, []
        while hi - lo > 1:
            half = (hi - lo) // 2
            upper = self.place >= lo + half
            partner = self.rank_of(self.place - half if upper else self.place + half)
            low, high = flat[starts[lo] : starts[lo + half]], flat[starts[lo + half] : starts[hi]]
            mine, theirs = (high, low) if upper else (low, high)
            inbox = torch.empty_like(mine)
            self.comm.sendrecv(theirs, partner, inbox, partner)
            op(mine, inbox)
            blocks.insert(0, (partner, mine, theirs))
            lo, hi = (lo + half, hi) if upper else (lo, lo + half)
        op.finish(flat[starts[lo] : starts[hi]], self.comm.size)
        return blocks

    def gather(self, blocks):
        for partner, mine, theirs in blocks:
            self.comm.sendrecv(mine, partner, theirs, partner)


def _flat(x):
    return x.detach().contiguous().view(-1).clone()


def reduce_scatter(x, comm, op="sum"):
    op = Op(op, x.dtype)
    chunks = Chunks(_flat(x), comm.size)
    comm.barrier()
    Ring(comm).reduce(chunks, op)
    op.finish(chunks[comm.rank], comm.size)
    comm.barrier()
    return chunks[comm.rank].clone()


def all_gather(chunk, comm, n=None):
    comm.barrier()
    total = comm.size * chunk.numel() if n is None else n
    chunks = Chunks(torch.full((total,), 0, dtype=chunk.dtype), comm.size)
    chunks[comm.rank][:] = _flat(chunk)
    Ring(comm).gather(chunks)
    return chunks.flat


def ring_all_reduce(x, comm, op="sum"):
    op = Op(op, x.dtype)
    chunks = Chunks(_flat(x), comm.size)
    ring = Ring(comm)
    ring.reduce(chunks, op)
    op.finish(chunks[comm.rank], comm.size)
    comm.barrier()
    ring.gather(chunks)
    return chunks.flat.view(x.shape)


def broadcast(x, comm, root=0):
    buffer = _flat(x)
    place = (comm.rank - root) % comm.size
    if place:
        parent = place - (1 << (place.bit_length() - 1))
        comm.recv(buffer, (parent + root) % comm.size)
    child = 1 << place.bit_length()
    while place + child < comm.size:
        comm.send(buffer, (place + child + root) % comm.size)
        child <<= 1
    comm.barrier()
    return buffer.view(x.shape)


def halving_doubling_all_reduce(x, comm, op="sum"):
    op = Op(op, x.dtype)
    flat, cube = _flat(x), Cube(comm)
    cube.fold(flat, op)
    comm.barrier()
    if not cube.out:
        blocks = cube.reduce(flat, op)
        cube.gather(blocks)
    cube.unfold(flat)
    return flat.view(x.shape)


class Model:
    def __init__(self, p, n, alpha, beta):
        self.p, self.n, self.alpha, self.beta = p, n, alpha, beta
        self.q = 1 << (p.bit_length() - 1)

    def message(self, elements):
        return self.alpha + elements * self.beta

    def ring(self):
        return 2 * (self.p - 1) * self.message(self.n / self.p)

    def tree(self):
        return 2 * (self.p - 1).bit_length() * self.message(self.n)

    def halving_doubling(self):
        fold = 2 * self.message(self.n) if self.p > self.q else 0
        blocks, elements = 0, self.q
        while elements > 1:
            elements //= 2
            blocks += 2 * self.message(self.n * elements / self.q)
        return blocks + fold


def cost(algorithm, p, n, alpha, beta):
    if algorithm not in ("ring", "tree", "halving_doubling"):
        raise ValueError(f"unknown algorithm {algorithm!r}")
    return float(getattr(Model(p, n, alpha, beta), algorithm)())
