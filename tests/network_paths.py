"""Paths of heavy-ball SGD on a quadratic loss, as a file of a network would hold them."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from fokkerplanck.network_run import NetworkRun
from fokkerplanck.network_statistics import log_lags, reduce_path

#: curvatures of the directions, and of the rest of the weights
TOP, REST = np.array([16.0, 2.0, 0.8]), np.geomspace(1e-3, 0.5, 24)
#: covariance of the gradient of a sample along the directions: does not commute with the Hessian
COVARIANCE = np.array([[4.0, 1.2, 0.3], [1.2, 1.5, -0.4], [0.3, -0.4, 0.5]])
REST_NOISE = REST**0.5
HOW = {
    "learning_rate": 0.05,
    "momentum": 0.9,
    "weight_decay": 0.004,
    "batch_size": 20,
    "samples": 1000,
    "draw": "batches",
}


def quadratic_run(steps=40_000, seed=0, curvature=1.0, **changes) -> NetworkRun:
    """Take a path that obeys the theory; it may feel `curvature` times what is told."""
    how = {**HOW, "steps": steps, **changes}
    eta, beta = how["learning_rate"], how["momentum"]
    size, samples = how["batch_size"], how["samples"]
    factor = (samples - size) / (size * (samples - 1))
    stiffness = curvature * np.concatenate([TOP, REST]) + how["weight_decay"]
    rng, burn = np.random.default_rng(seed), 20_000
    draws = rng.standard_normal((burn + steps + 1, len(stiffness)))
    noise = np.sqrt(factor) * np.hstack(
        [draws[:, :3] @ np.linalg.cholesky(COVARIANCE).T, draws[:, 3:] * np.sqrt(REST_NOISE)]
    )
    columns = [
        lfilter([-eta], [1.0, -(1 + beta - eta * k), beta], n)
        for k, n in zip(stiffness, noise.T, strict=True)
    ]
    theta = np.array(columns).T[burn:]
    lags, stride = log_lags(steps // 10, 20), 100
    far = np.full((steps // stride, len(lags)), np.nan)
    for column, lag in enumerate(lags):
        origins = np.arange(0, steps + 1 - lag, stride)[: len(far)]
        far[: len(origins), column] = ((theta[origins + lag] - theta[origins]) ** 2).sum(axis=1)
    loss = 0.5 * (theta**2 @ (stiffness - how["weight_decay"]))
    virial = theta**2 @ stiffness
    norm, mean = (theta**2).sum(axis=1), theta.mean(axis=0)
    looks = np.stack([np.arange(len(theta)), loss, norm, virial, virial])[:, ::10]
    return NetworkRun.of(
        "quadratic",
        how,
        {
            "curvature": TOP,
            "residual": np.zeros(3),
            "covariance": COVARIANCE,
            "gradient": np.zeros(3),
            "weights_along": np.zeros(3),
            "loss": 0.0,
            "norm": 0.0,
            "gradient_norm": 0.0,
            "total_noise": np.trace(COVARIANCE) + REST_NOISE.sum(),
            "noise_nodes": np.tile(REST, (2, 1)),
            "noise_weights": np.tile(REST_NOISE, (2, 1)),
            "density_nodes": np.tile(REST, (2, 1)),
            "density_weights": np.full((2, len(REST)), 1 / len(REST)),
            "way_curvature": np.tile(TOP, (2, 1)),
            "way_covariance": np.tile(COVARIANCE, (2, 1, 1)),
            "way_total_noise": np.full(2, np.trace(COVARIANCE) + REST_NOISE.sum()),
            "way_nodes": np.tile(np.concatenate([TOP, REST]), (2, 1)),
            "way_weights": np.tile(np.concatenate([np.diag(COVARIANCE), REST_NOISE]), (2, 1)),
            "mean_loss": 0.5 * mean**2 @ (stiffness - how["weight_decay"]),
            "mean_norm": mean @ mean,
        },
        reduce_path(theta[:, :3], ((theta[1:] - theta[:-1]) ** 2).sum(axis=1), eta, beta),
        lags,
        far,
        looks,
    )
