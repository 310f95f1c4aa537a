"""The papers and books behind the formulas."""

from __future__ import annotations

import textwrap

from fokkerplanck._version import __version__

__all__ = ["REFERENCES", "as_text"]

#: what it is used for -> where it comes from
REFERENCES: dict[str, str] = {
    "this program": f"fokkerplanck {__version__} (see CITATION.cff)",
    "noise readings, detailed balance, Kramers' problem": (
        "H. Risken, The Fokker-Planck Equation, 2nd edition, Springer 1996, chapters 5 and 6"
    ),
    "readings of state-dependent noise": (
        "N. G. van Kampen, Ito versus Stratonovich, J. Stat. Phys. 24, 175 (1981)"
    ),
    "exponentially fitted link weight": (
        "D. L. Scharfetter and H. K. Gummel, Large-signal analysis of a silicon Read diode "
        "oscillator, IEEE Trans. Electron Devices 16, 64 (1969)"
    ),
    "positive schemes for any tensor": (
        "E. Selling, Ueber die binaeren und ternaeren quadratischen Formen, J. reine angew. Math. "
        "77, 143 (1874); J. Fehrenbach and J.-M. Mirebeau, Sparse non-negative stencils for "
        "anisotropic diffusion, J. Math. Imaging Vision 49, 123 (2014)"
    ),
    "time integration by Chebyshev sums": (
        "H. Tal-Ezer and R. Kosloff, An accurate and efficient scheme for propagating the time "
        "dependent Schroedinger equation, J. Chem. Phys. 81, 3967 (1984)"
    ),
    "time integration by uniformisation": (
        "A. Jensen, Markoff chains as an aid in the study of Markoff processes, Skand. "
        "Aktuarietidskr. 36, 87 (1953)"
    ),
    "time integration by rational approximation": (
        "L. N. Trefethen, J. A. C. Weideman and T. Schmelzer, Talbot quadratures and rational "
        "approximations, BIT Numer. Math. 46, 653 (2006)"
    ),
    "subtraction-free elimination": (
        "W. K. Grassmann, M. I. Taksar and D. P. Heyman, Regenerative analysis and steady state "
        "distributions for Markov chains, Oper. Res. 33, 1107 (1985)"
    ),
    "entropy production": (
        "J. Schnakenberg, Network theory of microscopic and macroscopic behavior of master "
        "equation systems, Rev. Mod. Phys. 48, 571 (1976)"
    ),
    "stochastic gradient descent as diffusion": (
        "S. Mandt, M. D. Hoffman and D. M. Blei, Stochastic gradient descent as approximate "
        "Bayesian inference, J. Mach. Learn. Res. 18, 134 (2017); S. Jastrzebski et al., Three "
        "factors influencing minima in SGD, arXiv:1711.04623 (2017)"
    ),
    "noise that follows the Hessian": (
        "Z. Xie, I. Sato and M. Sugiyama, A diffusion theory for deep learning dynamics: "
        "stochastic gradient descent exponentially favors flat minima, ICLR 2021, arXiv:2002.03495"
    ),
    "Mueller-Brown surface": (
        "K. Mueller and L. D. Brown, Location of saddle points and minimum energy paths by a "
        "constrained simplex optimization procedure, Theor. Chim. Acta 53, 75 (1979)"
    ),
    "FiPy, the independent check": (
        "J. E. Guyer, D. Wheeler and J. A. Warren, FiPy: partial differential equations with "
        "Python, Comput. Sci. Eng. 11(3), 6 (2009)"
    ),
}


def as_text(width: int = 80) -> str:
    """All references, wrapped for a terminal."""
    lines = []
    for use, source in REFERENCES.items():
        lines.append(use)
        lines += textwrap.wrap(source, width, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)
