"""Depthwise convolutions whose gradients are computed in float32 on a CPU.

In bfloat16, PyTorch computes the gradient of a depthwise convolution with a stride of 2 or a kernel
of 5x5 on a CPU up to fifty times slower than in float32. The rest of a network gains from
bfloat16, so that these gradients alone are computed in float32, channels last.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution; its gradient on a CPU differs in speed and rounding alone."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not torch.is_grad_enabled() or input.device.type != "cpu":
            plain: Tensor = super()._conv_forward(input, weight, bias)
            return plain
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            input, weight = input.to(dtype), weight.to(dtype)
        output: Tensor = _Depthwise.apply(input, weight, self)  # type: ignore[no-untyped-call]
        return output


class DepthwiseConv2dSame(DepthwiseConv2d):
    """The same with TensorFlow's padding, which depends on the size of the input."""

    def forward(self, input: Tensor) -> Tensor:
        """Films (N, C, H, W) to (N, C, H / stride, W / stride), rounded up."""
        from timm.layers.padding import pad_same

        padded = pad_same(input, self.kernel_size, self.stride, self.dilation)
        return self._conv_forward(padded, self.weight, None)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, layer: nn.Conv2d) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.layer = layer
        return torch.conv2d(
            input, weight, None, layer.stride, layer.padding, layer.dilation, layer.groups
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        input, weight = ctx.saved_tensors
        layer = ctx.layer
        of_input, of_weight, _ = torch.ops.aten.convolution_backward(
            _wide(gradients[0]), _wide(input), weight.float(), None, layer.stride, layer.padding,
            layer.dilation, False, (0, 0), layer.groups, (True, True, False),
        )  # fmt: skip
        return of_input.to(input.dtype), of_weight.to(weight.dtype), None


def _wide(tensor: Tensor) -> Tensor:
    return tensor.float().contiguous(memory_format=torch.channels_last)


KINDS = {"Conv2d": DepthwiseConv2d, "Conv2dSame": DepthwiseConv2dSame}
"""Name of the class, of PyTorch or timm, to what takes its place."""


def with_fast_gradients(network: nn.Module) -> None:
    """Give the depthwise convolutions of a network, in place, the gradient of this module."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and 1 < layer.groups == layer.in_channels:
            kind = KINDS.get(type(layer).__name__)
            if kind and layer.bias is None:
                layer.__class__ = kind
