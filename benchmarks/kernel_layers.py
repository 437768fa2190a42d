# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The layers whose kernels kernels.py times, as modules of one lowbit op."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Layer:
    """A layer of channels `c` to `oc` with outputs `h` x `w`."""

    kind: str  # conv, depthwise or matmul
    c: int
    oc: int
    h: int
    w: int
    kernel: int = 1
    stride: int = 1
    residual: bool = False

    @property
    def name(self) -> str:
        window = f"_{self.kernel}x{self.kernel}s{self.stride}" if self.kind != "matmul" else ""
        return f"{self.kind}{window}_{self.h}x{self.w}_{self.c}to{self.oc}" + ("_residual" if self.residual else "")

    @property
    def operations(self) -> int:
        taps = self.kernel**2 * (1 if self.kind == "depthwise" else self.c)
        return 2 * taps * self.oc * self.h * self.w


LAYERS = [
    Layer("conv", 3, 64, 112, 112, 7, 2),
    Layer("conv", 3, 32, 112, 112, 3, 2),
    Layer("conv", 3, 16, 32, 32, 3),
    Layer("conv", 16, 16, 32, 32, 3),
    Layer("conv", 32, 32, 16, 16, 3),
    Layer("conv", 64, 64, 8, 8, 3),
    Layer("conv", 64, 64, 56, 56, 3),
    Layer("conv", 64, 64, 56, 56, 3, residual=True),
    Layer("conv", 64, 128, 28, 28, 3, 2),
    Layer("conv", 128, 128, 28, 28, 3),
    Layer("conv", 256, 256, 14, 14, 3),
    Layer("conv", 512, 512, 7, 7, 3, residual=True),
    Layer("conv", 64, 128, 28, 28, 1, 2),
    Layer("conv", 16, 96, 112, 112),
    Layer("conv", 96, 24, 56, 56),
    Layer("conv", 144, 24, 56, 56, residual=True),
    Layer("conv", 64, 384, 14, 14),
    Layer("conv", 384, 64, 14, 14),
    Layer("conv", 576, 96, 14, 14),
    Layer("conv", 160, 960, 7, 7),
    Layer("conv", 320, 1280, 7, 7),
    Layer("depthwise", 32, 32, 112, 112, 3),
    Layer("depthwise", 96, 96, 56, 56, 3, 2),
    Layer("depthwise", 144, 144, 56, 56, 3),
    Layer("depthwise", 384, 384, 14, 14, 3),
    Layer("depthwise", 240, 240, 28, 28, 5),
    Layer("depthwise", 960, 960, 7, 7, 3),
    Layer("matmul", 1280, 1000, 1, 1),
    Layer("matmul", 4096, 4096, 1, 1),
    Layer("matmul", 2048, 1024, 2, 1),
    Layer("matmul", 2048, 1024, 4, 1),
    Layer("matmul", 2048, 1024, 8, 1),
    Layer("matmul", 1024, 1024, 128, 1),
    Layer("matmul", 4096, 1024, 128, 1),
]


def alphabet(bits: int) -> tuple[str, np.ndarray]:
    """The spelling and the levels of the default alphabet of a width."""
    if bits <= 3:
        k = 1 << (bits - 1)
        return f"<mid_rise, [{k}]>", np.arange(1 - 2 * k, 2 * k, 2)
    k = (1 << (bits - 1)) - 1
    return f"<mid_tread, [{k}]>", np.arange(-k, k + 1)


def get_input_max(layer: Layer, bits: int, element: str) -> int:
    """The largest code of the input: as gpfq-quantize-activations leaves room for the sum of a code and a level."""
    _, levels = alphabet(bits)
    span = int(levels[-1] - levels[0])
    return 255 - span if element == "i8" and layer.kind != "depthwise" and span <= 30 else 255


def write_module(layer: Layer, bits: int, element: str, output: str) -> str:
    """A function of one compute op; the input has its padding."""
    random = np.random.default_rng(0)
    spelling, levels = alphabet(bits)
    span = lambda size: (size - 1) * layer.stride + layer.kernel  # noqa: E731
    if layer.kind == "matmul":
        op, image, weights = "matmul", (layer.h * layer.w, layer.c), (layer.oc, layer.c)
        result = (layer.h * layer.w, layer.oc)
    else:
        image = (1, span(layer.h), span(layer.w), layer.c)
        result = (1, layer.h, layer.w, layer.oc)
        if layer.kind == "conv":
            op, weights = "conv_2d", (layer.oc, layer.kernel, layer.kernel, layer.c)
        else:
            op, weights = "depthwise_conv_2d", (layer.kernel, layer.kernel, layer.c)
    input_max = f", input_max = {get_input_max(layer, bits, element)} : i32" if layer.kind != "depthwise" else ""
    strides = "" if layer.kind == "matmul" else f"strides = array<i64: {layer.stride}, {layer.stride}>, "
    is_integer = element != "f32"
    out = "i8" if is_integer else "f32"
    yields_signs = output == "signs"

    def tensor(shape: tuple[int, ...], kind: str) -> str:
        return f"tensor<{'x'.join(map(str, shape))}x{kind}>"

    data = random.choice(levels, weights).astype(np.int8).tobytes().hex().upper()
    residual = [("%res", tensor(result, out))] if layer.residual else []
    bias = "i32" if is_integer and not yields_signs else "f32"
    fused = [("%s", f"tensor<{layer.oc}xf32>"), ("%b", f"tensor<{layer.oc}x{bias}>"), *residual]
    arguments = [("%x", tensor(image, "f32" if element == "signs" else element)), *residual]
    blocks = [("%acc", "i32" if is_integer else "f32"), ("%scale", "f32"), ("%bias", bias)]
    blocks += [("%r", out)] if layer.residual else []
    typed = lambda pairs: ", ".join(f"{a}: {b}" for a, b in pairs)  # noqa: E731
    if yields_signs:
        body = [
            "%f = arith.sitofp %acc : i32 to f32",
            "%m = arith.mulf %f, %scale : f32",
            "%y0 = arith.addf %m, %bias : f32",
            "%bit = arith.cmpf uge, %y0, %zero : f32",
            "%q = arith.select %bit, %positive, %negative : i8",
        ]
    elif is_integer:
        body = [
            "%sum = arith.addi %acc, %bias : i32",
            "%f = arith.sitofp %sum : i32 to f32",
            "%y0 = arith.mulf %f, %scale : f32",
        ]
    else:
        body = ["%m = arith.mulf %acc, %scale : f32", "%y0 = arith.addf %m, %bias : f32"]
    value = "%q" if yields_signs else "%y0"
    if layer.residual and is_integer:
        body += ["%ru = arith.uitofp %r : i8 to f32", "%rs = arith.mulf %ru, %sr : f32"]
    if layer.residual:
        body += [f"%y1 = arith.addf %y0, {'%rs' if is_integer else '%r'} : f32"]
        value = "%y1"
    if is_integer and not yields_signs:
        body += [
            f"%e = math.roundeven {value} : f32",
            "%c0 = arith.cmpf ogt, %e, %zero : f32",
            "%e0 = arith.select %c0, %e, %zero : f32",
            "%c1 = arith.cmpf olt, %e0, %top : f32",
            "%e1 = arith.select %c1, %e0, %top : f32",
            "%q = arith.fptoui %e1 : f32 to i8",
        ]
        value = "%q"
    constants = [
        "%zero = arith.constant 0.0 : f32",
        "%top = arith.constant 255.0 : f32",
        "%sr = arith.constant 0.3 : f32",
        "%positive = arith.constant 2 : i8",
        "%negative = arith.constant 0 : i8",
    ]
    newline = "\n    "
    source, codes, signs = "%x", tensor(image, "i8" if is_integer else "f32"), ""
    if element == "signs":
        source = "%codes"
        signs = f"""%one = arith.constant dense<1.0> : tensor<1xf32>
  %codes = lowbit.quantize %x, %one sign zero_point 1 : {tensor(image, "f32")}, tensor<1xf32> -> {codes}"""
    returned, returned_type, pack = "%0", tensor(result, out), ""
    if yields_signs:
        returned, returned_type = "%bits", tensor((*result[:-1], result[-1] // 8), "i8")
        pack = f"""%words = tensor.empty() : {returned_type}
  %bits = lowbit.pack_signs ins(%0 : {tensor(result, out)}) outs(%words : {returned_type}) -> {returned_type}"""
    return f"""
func.func @layer({typed(arguments)}) -> {returned_type} {{
  %w = arith.constant dense<"0x{data}"> : {tensor(weights, "i8")}
  %s = arith.constant dense<0.0001> : tensor<{layer.oc}xf32>
  %b = arith.constant dense<{5000 if bias == "i32" else 0.5}> : tensor<{layer.oc}x{bias}>
  %init = tensor.empty() : {tensor(result, out)}
  {signs}
  %0 = lowbit.{op} ins({source}, %w : {codes}, {tensor(weights, "i8")})
    fused({", ".join(n for n, _ in fused)} : {", ".join(t for _, t in fused)}) outs(%init : {tensor(result, out)})
    {{{strides}alphabet = #lowbit.alphabet{spelling}{input_max}}} epilogue {{
  ^bb0({typed(blocks)}):
    {newline.join(constants + body)}
    lowbit.yield {value} : {out}
  }} -> {tensor(result, out)}
  {pack}
  return {returned} : {returned_type}
}}
"""
