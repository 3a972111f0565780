"""The cells of one submission: one for plain calls, one a rank of its worlds.

Started on first use and kept from input to input and from check to check; one that was lost is
started anew by the next call. Counts what all of them used, those that are gone included.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from aisys_cli.grader.world import World, gloo_join
from aisys_cli.sandbox.client import Cell, Host, Starting
from aisys_cli.sandbox.limits import Limits

__all__ = ["Cells"]

JOIN_SECONDS = 20.0  # of CPU time, for a rank to become part of a gloo world


class Cells:
    """`load` imports the submission into a fresh cell; what it raises goes to the caller."""

    def __init__(
        self, host: Callable[[], Host], limits: Limits, seed: int, load: Callable[[Cell], None]
    ) -> None:
        self._host, self._limits, self._seed, self._load = host, limits, seed, load
        self._number = os.getpid() << 16  # never that of an earlier fork's cell
        self._starting: Starting | None = None
        self._single: Cell | None = None
        self._ranks: list[Cell] = []  # of metered worlds: rank r is always the same cell
        self._gloo: dict[int, list[Cell]] = {}  # by the size of the world
        self._spent = self._waited = 0.0  # of cells that are gone

    def prepare(self) -> None:
        """Have the single cell started, if it is not, without waiting for it."""
        if self._starting is None:
            (self._starting,) = self._spawn(1)

    def single(self) -> Cell:
        """The cell of plain calls, with the submission in it."""
        if self._single is None:
            self.prepare()
            assert self._starting is not None
            starting, self._starting = self._starting, None
            self._single = starting.cell()
            self._load(self._single)
        return self._single

    def of(self, world: World) -> list[Cell]:
        """The cells of a world's ranks, with the submission in them."""
        if not world.gloo:
            missing = world.size - len(self._ranks)
            if missing > 0:
                self._ranks += self._started(missing)
            return self._ranks[: world.size]
        if world.size not in self._gloo:
            self._gloo[world.size] = self._started(world.size, loopback=True)
        return self._gloo[world.size]

    def _spawn(self, count: int, *, loopback: bool = False) -> list[Starting]:
        self._number += count
        numbers = list(range(self._number - count + 1, self._number + 1))
        return self._host().spawn(self._limits, numbers=numbers, seed=self._seed, loopback=loopback)

    def _started(self, count: int, *, loopback: bool = False) -> list[Cell]:
        cells = [starting.cell() for starting in self._spawn(count, loopback=loopback)]
        try:
            if loopback:
                gloo_join(cells, seconds=JOIN_SECONDS)
            for cell in cells:
                self._load(cell)
        except BaseException:
            for cell in cells:
                if not cell.closed:
                    self.lose(cell)
            raise
        return cells

    # -- losing them -------------------------------------------------------------

    def lose(self, cell: Cell, *, gone: bool = False) -> None:
        """Give up a cell; `gone`: it has ended already."""
        self._spent += cell.used
        self._waited += cell.waited
        if cell is self._single:
            self._single = None
        if gone:
            cell.forget()
        else:
            cell.close()

    def lose_world(self, world: World, *, dead: int | None = None) -> None:
        """Give up the ranks of a world, all of them; that of `dead` has ended already."""
        cells = self._gloo.pop(world.size) if world.gloo else self._ranks
        if not world.gloo:
            self._ranks = []
        for rank, cell in enumerate(cells):
            self.lose(cell, gone=rank == dead)

    def close(self) -> None:
        if self._starting is not None:
            self._single = self._starting.cell()
            self._starting = None
        for cell in list(self._living()):
            self.lose(cell)
        self._ranks, self._gloo = [], {}

    # -- what they used ------------------------------------------------------------

    @property
    def used(self) -> float:
        """CPU seconds."""
        return self._spent + sum(cell.used for cell in self._living())

    @property
    def waited(self) -> float:
        """Seconds on the clock, less those in which a cell had to queue for a processor."""
        return self._waited + sum(cell.waited for cell in self._living())

    def _living(self) -> Iterator[Cell]:
        if self._single is not None:
            yield self._single
        yield from self._ranks
        for cells in self._gloo.values():
            yield from cells
