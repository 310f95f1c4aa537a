"""The papers and books behind the formulas."""

from __future__ import annotations

import textwrap

from fokkerplanck._version import __version__

__all__ = ["REFERENCES", "as_text"]

#: what it is used for -> where it comes from
REFERENCES: dict[str, str] = {
    "this program": f"fokkerplanck {__version__} (see CITATION.cff)",
    "detailed balance, the driven ring, closed forms on a line": (
        "H. Risken, The Fokker-Planck Equation, 2nd edition, Springer 1989, chapters 5, 6 and 11"
    ),
    "tail index of measured noise": (
        "M. Mohammadi, A. Mohammadpour and H. Ogata, On estimating the tail index and the spectral "
        "measure of multivariate alpha-stable distributions, Metrika 78, 549 (2015); I. A. "
        "Koutrouvelis, Regression-type estimation of the parameters of stable laws, J. Am. Stat. "
        "Assoc. 75, 918 (1980); J. M. Chambers, C. L. Mallows and B. W. Stuck, A method for "
        "simulating stable random variables, J. Am. Stat. Assoc. 71, 340 (1976)"
    ),
    "escape over a barrier": (
        "H. A. Kramers, Brownian motion in a field of force and the diffusion model of chemical "
        "reactions, Physica 7, 284 (1940)"
    ),
    "escape with inertia": (
        "R. F. Grote and J. T. Hynes, The stable states picture of chemical reactions II, J. Chem. "
        "Phys. 73, 2715 (1980); V. I. Mel'nikov and S. V. Meshkov, Theory of activated rate "
        "processes: exact solution of the Kramers problem, J. Chem. Phys. 85, 1018 (1986); J. S. "
        "Langer, Statistical theory of the decay of metastable states, Ann. Phys. 54, 258 (1969); "
        "P. Haenggi, P. Talkner and M. Borkovec, Reaction-rate theory: fifty years after Kramers, "
        "Rev. Mod. Phys. 62, 251 (1990)"
    ),
    "readings of state-dependent noise": (
        "N. G. van Kampen, Ito versus Stratonovich, J. Stat. Phys. 24, 175 (1981); P. Haenggi and "
        "H. Thomas, Stochastic processes: time evolution, symmetries and linear response, Phys. "
        "Rep. 88, 207 (1982)"
    ),
    "exponentially fitted link weight": (
        "D. L. Scharfetter and H. K. Gummel, Large-signal analysis of a silicon Read diode "
        "oscillator, IEEE Trans. Electron Devices 16, 64 (1969); H. Wang, C. S. Peskin and T. C. "
        "Elston, A robust numerical algorithm for studying biomolecular transport processes, J. "
        "Theor. Biol. 221, 491 (2003)"
    ),
    "positive schemes for any tensor": (
        "E. Selling, Ueber die binaeren und ternaeren quadratischen Formen, J. reine angew. Math. "
        "77, 143 (1874); J. H. Conway and N. J. A. Sloane, Low-dimensional lattices VI: Voronoi "
        "reduction of three-dimensional forms, Proc. R. Soc. A 436, 55 (1992); J. Fehrenbach and "
        "J.-M. Mirebeau, Sparse non-negative stencils for anisotropic diffusion, J. Math. Imaging "
        "Vision 49, 123 (2014)"
    ),
    "time integration by Chebyshev sums": (
        "H. Tal-Ezer, Spectral methods in time for parabolic problems, SIAM J. Numer. Anal. 26, 1 "
        "(1989); Spectral methods in time for hyperbolic equations, SIAM J. Numer. Anal. 23, 11 "
        "(1986)"
    ),
    "time integration by uniformisation": (
        "A. Jensen, Markoff chains as an aid in the study of Markoff processes, Skand. "
        "Aktuarietidskr. 36, 87 (1953)"
    ),
    "time integration by rational approximation": (
        "L. N. Trefethen, J. A. C. Weideman and T. Schmelzer, Talbot quadratures and rational "
        "approximations, BIT Numer. Math. 46, 653 (2006); M. Pusa, Higher-order Chebyshev rational "
        "approximation method and application to burnup equations, Nucl. Sci. Eng. 182, 297 (2016)"
    ),
    "error bounds for driven chains": (
        "M. Crouzeix and C. Palencia, The numerical range is a (1 + sqrt 2)-spectral set, SIAM J. "
        "Matrix Anal. Appl. 38, 649 (2017)"
    ),
    "time integration under schedules": (
        "S. Blanes and P. C. Moan, Fourth- and sixth-order commutator-free Magnus integrators for "
        "linear and non-linear dynamical systems, Appl. Numer. Math. 56, 1519 (2006)"
    ),
    "subtraction-free elimination": (
        "W. K. Grassmann, M. I. Taksar and D. P. Heyman, Regenerative analysis and steady state "
        "distributions for Markov chains, Oper. Res. 33, 1107 (1985); C. D. Meyer, Stochastic "
        "complementation, uncoupling Markov chains, and the theory of nearly reducible systems, "
        "SIAM Rev. 31, 240 (1989)"
    ),
    "entropy production": (
        "J. Schnakenberg, Network theory of microscopic and macroscopic behavior of master "
        "equation systems, Rev. Mod. Phys. 48, 571 (1976)"
    ),
    "entropy production with velocities": (
        "R. E. Spinney and I. J. Ford, Entropy production in full phase space for continuous "
        "stochastic dynamics, Phys. Rev. E 85, 051113 (2012)"
    ),
    "SGD with momentum": (
        "D. Kunin et al., The limiting dynamics of SGD: modified loss, phase space oscillations, "
        "and anomalous diffusion, arXiv:2107.09133 (2021)"
    ),
    "tails of SGD": (
        "H. Kesten, Random difference equations and renewal theory for products of random "
        "matrices, Acta Math. 131, 207 (1973); M. Gurbuzbalaban, U. Simsekli and L. Zhu, The "
        "heavy-tail phenomenon in SGD, ICML 2021, arXiv:2006.04740"
    ),
    "stochastic gradient descent as diffusion": (
        "S. Mandt, M. D. Hoffman and D. M. Blei, Stochastic gradient descent as approximate "
        "Bayesian inference, J. Mach. Learn. Res. 18, 134 (2017); Q. Li, C. Tai and W. E, "
        "Stochastic modified equations and dynamics of stochastic gradient algorithms I: "
        "mathematical foundations, J. Mach. Learn. Res. 20, 40 (2019)"
    ),
    "noise that follows the Hessian": (
        "Z. Xie, I. Sato and M. Sugiyama, A diffusion theory for deep learning dynamics: "
        "stochastic gradient descent exponentially favors flat minima, ICLR 2021, arXiv:2002.03495"
    ),
    "stationary law of SGD": (
        "S. Jastrzebski et al., Three factors influencing minima in SGD, arXiv:1711.04623 (2017)"
    ),
    "noise in proportion to the loss": (
        "T. Mori, L. Ziyin, K. Liu and M. Ueda, Power-law escape rate of SGD, ICML 2022, "
        "arXiv:2105.09557"
    ),
    "escape without detailed balance": (
        "M. I. Freidlin and A. D. Wentzell, Random Perturbations of Dynamical Systems, Springer "
        "1998; F. Bouchet and J. Reygner, Generalisation of the Eyring-Kramers transition rate "
        "formula to irreversible diffusion processes, Ann. Henri Poincare 17, 3499 (2016)"
    ),
    "Mueller-Brown surface": (
        "K. Mueller and L. D. Brown, Location of saddle points and minimum energy paths by a "
        "constrained simplex optimization procedure, Theor. Chim. Acta 53, 75 (1979)"
    ),
    "transport distances": (
        "C. Villani, Topics in Optimal Transportation, AMS 2003; J. Delon, J. Salomon and A. "
        "Sobolevski, Fast transport optimization for Monge costs on the circle, SIAM J. Appl. "
        "Math. 70, 2239 (2010); J.-D. Benamou and G. Carlier, Augmented Lagrangian methods for "
        "transport optimization, mean field games and degenerate elliptic equations, J. Optim. "
        "Theory Appl. 167, 1 (2015); J. Feydy et al., Interpolating between optimal transport and "
        "MMD using Sinkhorn divergences, AISTATS 2019, arXiv:1810.08278; C. R. Givens and R. M. "
        "Shortt, A class of Wasserstein metrics for probability distributions, Michigan Math. J. "
        "31, 231 (1984)"
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
