"""Reference numbers of many digits: the two double wells on a line that the predictions share.

The quartic well ``L = (x^2 - 1)^2 / 4`` and the tilted well ``L = x^4 / 4 - x^2 / 2 + x / 10``,
integrated (spectrally, with 40 digits) without any grid of this package.
"""

from __future__ import annotations

from dataclasses import dataclass

from fokkerplanck import landscapes, noise
from fokkerplanck.grid import Grid
from fokkerplanck.problem import Problem

__all__ = ["BARRIER", "QUARTIC", "TILTED", "Quartic", "Tilted", "quartic", "tilted"]

#: Height of the barrier of the quartic well.
BARRIER = 0.25


@dataclass(frozen=True)
class Quartic:
    """The quartic well at one temperature.

    Parameters
    ----------
    ratio : float
        Barrier over temperature.
    touch, cross : float
        Mean times from -1 to 0 and from -1 to 1.
    over_kramers : float
        `cross` over Kramers' time.
    gap : float
        Slowest relaxation rate.
    second_moment : float
        Stationary mean of x^2.
    """

    ratio: float
    touch: float
    cross: float
    over_kramers: float
    gap: float
    second_moment: float

    @property
    def temperature(self) -> float:
        """T."""
        return BARRIER / self.ratio


#: Rows by barrier / T.
QUARTIC = tuple(
    Quartic(*row)
    for row in (
        (
            2,
            18.42615845242841003,
            41.034280268736711806,
            1.24995099350558,
            0.056818325252162417387,
            0.852136152178334259,
        ),
        (
            5,
            361.90375950092436555,
            729.67069194232279882,
            1.10659734175471,
            0.0027761406365727255243,
            0.936833940411833922,
        ),
        (
            10,
            51050.702508600029577,
            102108.36545716983696,
            1.04340192718182,
            1.9589272999730441433e-5,
            0.972522758201354599,
        ),
        (
            20,
            1099322196.6865907876,
            2198644401.4082888762,
            1.02000073724549,
            9.0965142493130157936e-10,
            0.986975054600083628,
        ),
        (
            40,
            527950434118551151.14,
            1055900868237102311.4,
            1.00966894900918,
            1.8941172037666138782e-18,
            0.993626446152596241,
        ),
        (
            100,
            5.9941596002097417677e43,
            1.1988319200419483535e44,
            1.00379548304813,
            1.6682905806595623154e-44,
            0.997480862894219481,
        ),
    )
)


@dataclass(frozen=True)
class Tilted:
    """The tilted well at T = 1/20: places, passage times, splitting, mass left of the saddle."""

    left: float = -1.0466805318046
    right: float = 0.945649273923591
    saddle: float = 0.101031257881011
    forth: float = 5890.9195316605
    back: float = 132.91662514067
    committor: float = 0.311353805414418
    mass_left: float = 0.977954192696704
    kramers_forth: float = 5367.52232708
    kramers_back: float = 115.181547545


TILTED = Tilted()


def quartic(temperature: float, cells: int = 1024, reach: float = 2.4) -> Problem:
    """Quartic double well under white noise between far walls."""
    grid = Grid.line(-reach, reach, cells)
    return Problem(grid, landscapes.quartic(), noise.white(temperature))


def tilted(cells: int = 400) -> Problem:
    """Tilted double well at T = 1/20."""
    return Problem(Grid.line(-2.5, 2.5, cells), landscapes.tilted(), noise.white(0.05))
