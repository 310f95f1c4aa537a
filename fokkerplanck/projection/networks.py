"""Residual networks of the CIFAR family, small enough for a landscape to be sampled in minutes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from fokkerplanck.errors import CaseError

__all__ = ["ACTIVATIONS", "NORMS", "ResNet", "resnet"]

#: channels that share a mean and a variance in group norm, where the width allows
CHANNELS_PER_GROUP = 2
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "group": lambda channels: nn.GroupNorm(max(1, channels // CHANNELS_PER_GROUP), channels),
    "batch": nn.BatchNorm2d,
    "none": lambda channels: nn.Identity(),
}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
}


def resnet(
    depth: int = 8,
    width: int = 4,
    classes: int = 10,
    channels: int = 1,
    norm: str = "group",
    activation: str = "silu",
    seed: int = 0,
) -> ResNet:
    """Make a residual network of depth ``6 n + 2`` with weights drawn at random.

    Three stages of n blocks with `width`, ``2 width`` and ``4 width`` channels; the image is halved
    between stages; shortcuts have no weights (He et al., 2016, section 4.2, option A). Width 16
    and three channels are the published ones. For images from 4x4 on.

    Parameters
    ----------
    depth : int
        8, 14, 20, 26, 32 ...
    width : int
        Even; 4 with depth 8 makes 4 934 weights.
    classes, channels : int
        Of the data.
    norm : str
        ``"group"``: the same in training and evaluation; ``"batch"``; ``"none"``.
    activation : str
        ``"silu"`` and ``"softplus"`` are smooth; ``"relu"`` is the published one. The gradient of
        a relu network jumps at its kinks, and all these small jumps are part of the curvature of
        the mean loss but not of its Hessian, which is taken between them: at a minimum of a network
        of the default size the Hessian is half of the curvature by differences over 0.01 or 0.1.
    seed : int
        Of the weights.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, *Deep residual learning for image recognition*, CVPR 2016.
    """
    if depth < 8 or (depth - 2) % 6:
        msg = f"depth is 6 n + 2 (8, 14, 20, ...), got {depth}"
        raise CaseError(msg, key="network.depth")
    if width < 2 or width % 2:
        msg = f"width is an even number from 2 on, got {width}"
        raise CaseError(msg, key="network.width")
    for key, value in (("classes", classes), ("channels", channels)):
        if value < 1:
            msg = f"{key} is a positive number, got {value}"
            raise CaseError(msg, key=f"network.{key}")
    make_norm = _choice("norm", norm, NORMS)
    make_activation = _choice("activation", activation, ACTIVATIONS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ResNet((depth - 2) // 6, width, classes, channels, make_norm, make_activation)


class ResNet(nn.Module):
    """Residual network; see `resnet`."""

    def __init__(
        self,
        blocks: int,
        width: int,
        classes: int,
        channels: int,
        norm: Callable[[int], nn.Module],
        activation: Callable[[], nn.Module],
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(channels, width, 1), norm(width), activation()]
        inside = width
        for stage in range(3):
            outside = width << stage
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                layers.append(Block(inside, outside, stride, norm, activation))
                inside = outside
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(inside, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape (n, classes), of images (n, channels, height, width)."""
        features: Tensor = self.body(images).mean(dim=(2, 3))
        return torch.as_tensor(self.head(features))


class Block(nn.Module):
    """Two convolutions beside a shortcut that has no weights."""

    def __init__(
        self,
        inside: int,
        outside: int,
        stride: int,
        norm: Callable[[int], nn.Module],
        activation: Callable[[], nn.Module],
    ) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _convolution(inside, outside, stride),
            norm(outside),
            activation(),
            _convolution(outside, outside, 1),
            norm(outside),
        )
        self.activation = activation()
        self.stride, self.added = stride, outside - inside

    def forward(self, x: Tensor) -> Tensor:
        """Every second pixel and channels of zeros, where the branch has fewer and more."""
        shortcut = x[:, :, :: self.stride, :: self.stride]
        shortcut = pad(shortcut, (0, 0, 0, 0, 0, self.added))
        return torch.as_tensor(self.activation(self.branch(x) + shortcut))


def _convolution(inside: int, outside: int, stride: int) -> nn.Conv2d:
    layer = nn.Conv2d(inside, outside, 3, stride, padding=1, bias=False)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer


def _choice(
    key: str, name: str, known: dict[str, Callable[..., nn.Module]]
) -> Callable[..., nn.Module]:
    if name not in known:
        msg = f"{key} is one of {', '.join(known)}; got {name!r}"
        raise CaseError(msg, key=f"network.{key}")
    return known[name]
