# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a module of layers that have every tile of the kernels: at every width of weights, or with `signs` as the
argument those that multiply signs, or with `paired` those of codes that leave room for the sums with levels."""

import math
import random
import sys

# Input, kernel and attributes; the result follows from them. One row of outputs is enough for a tile.
CONVOLUTIONS = {
    "rows": ((3, 58, 64), (64, 3, 3, 64), ""),
    "wide_rows": ((16, 16, 256), (64, 3, 3, 256), ""),
    "stem": ((21, 37, 3), (64, 7, 7, 3), "strides = array<i64: 2, 2>, "),
    "one_vector": ((10, 34, 16), (16, 3, 3, 16), ""),
    "pointwise": ((14, 14, 64), (96, 1, 1, 64), ""),
    "short_pointwise": ((14, 14, 16), (96, 1, 1, 16), ""),
    "tail": ((14, 14, 96), (24, 1, 1, 96), ""),
    "half_tail": ((14, 14, 64), (40, 1, 1, 64), ""),
}
DEPTHWISE = {
    "depthwise": ((9, 9, 128), (3, 3, 128), ""),
    "depthwise_halved": ((9, 10, 32), (3, 3, 32), ""),
    "depthwise_strided": ((15, 15, 96), (3, 3, 96), "strides = array<i64: 2, 2>, "),
}
VECTOR = ("vector", 512, 256)
# As one row of pixels.
PAIRED = {
    "matrix": ((1, 128, 256), (96, 1, 1, 256), ""),
    "long_matrix": ((1, 128, 2720), (64, 1, 1, 2720), ""),
}
SIGNS = {
    "rows": ((3, 58, 64), (64, 3, 3, 64), ""),
    "strided": ((5, 57, 128), (64, 3, 3, 128), "strides = array<i64: 2, 2>, "),
    "padded": ((6, 16, 64), (64, 3, 3, 64), "padding = array<i64: 1, 1, 1, 1>, padding_value = 1 : i32, "),
    "one_vector": ((10, 34, 32), (16, 3, 3, 32), ""),
    "pointwise": ((14, 14, 256), (96, 1, 1, 256), ""),
}


def alphabet(bits):
    if bits <= 3:
        return f"mid_rise, [{1 << (bits - 1)}]"
    return f"mid_tread, [{(1 << (bits - 1)) - 1}]"


def write(name, op, shapes, attributes, bits, signs=False):
    image, kernel, result = ("x".join(map(str, shape)) for shape in shapes)
    channels = shapes[2][-1]
    # Not all equal: those could be folded.
    levels = "01FF" * (math.prod(shapes[1]) // 2)
    if signs:  # Nor may all bytes of bits be equal.
        levels = "".join(random.Random(0).choices(("01", "FF"), k=math.prod(shapes[1])))
    argument = f"%x: tensor<{image}xf32>" if signs else f"%codes: tensor<{image}xi8>"
    source = f"""%one = arith.constant dense<1.0> : tensor<1xf32>
  %codes = lowbit.quantize %x, %one sign zero_point 1 : tensor<{image}xf32>, tensor<1xf32> -> tensor<{image}xi8>"""
    print(f"""func.func @{name}_{bits}({argument}) -> tensor<{result}xi8> {{
  %w = arith.constant dense<"0x{levels}"> : tensor<{kernel}xi8>
  %s = arith.constant dense<0.001> : tensor<{channels}xf32>
  %b = arith.constant dense<0.5> : tensor<{channels}xf32>
  %e = tensor.empty() : tensor<{result}xi8>
  {source if signs else ""}
  %r = lowbit.{op} ins(%codes, %w : tensor<{image}xi8>, tensor<{kernel}xi8>)
      fused(%s, %b : tensor<{channels}xf32>, tensor<{channels}xf32>) outs(%e : tensor<{result}xi8>)
      {{{attributes}alphabet = #lowbit.alphabet<{alphabet(bits)}>}} epilogue {{
  ^bb0(%acc: i32, %scale: f32, %bias: f32):
    %zero = arith.constant 0.0 : f32
    %top = arith.constant 255.0 : f32
    %f = arith.sitofp %acc : i32 to f32
    %m = arith.mulf %f, %scale : f32
    %a = arith.addf %m, %bias : f32
    %n = math.roundeven %a : f32
    %above = arith.cmpf ogt, %n, %zero : f32
    %o = arith.select %above, %n, %zero : f32
    %below = arith.cmpf olt, %o, %top : f32
    %p = arith.select %below, %o, %top : f32
    %q = arith.fptoui %p : f32 to i8
    lowbit.yield %q : i8
  }} -> tensor<{result}xi8>
  return %r : tensor<{result}xi8>
}}""")


if sys.argv[1:] == ["signs"]:
    for name, (image, kernel, attributes) in SIGNS.items():
        stride, margin = 2 if "strides" in attributes else 1, 2 if "padding" in attributes else 0
        pixels = [(size + margin - side) // stride + 1 for size, side in zip(image, kernel[1:3], strict=False)]
        write(name, "conv_2d", ((1, *image), kernel, (1, *pixels, kernel[0])), attributes, 1, signs=True)
    name, depth, outputs = VECTOR
    write(name, "matmul", ((1, depth), (outputs, depth), (1, outputs)), "", 1, signs=True)
    sys.exit()
if sys.argv[1:] == ["paired"]:
    for bits in range(1, 6):
        span = 2 * (2**bits - 1 if bits <= 3 else 2 ** (bits - 1) - 1)
        for name, (image, kernel, attributes) in (CONVOLUTIONS | PAIRED).items():
            stride = 2 if "strides" in attributes else 1
            pixels = [(size - side) // stride + 1 for size, side in zip(image, kernel[1:3], strict=False)]
            attributes += f"input_max = {255 - span} : i32, "
            write(name, "conv_2d", ((1, *image), kernel, (1, *pixels, kernel[0])), attributes, bits)
    sys.exit()
for bits in range(1, 9):
    for layers, op in ((CONVOLUTIONS, "conv_2d"), (DEPTHWISE, "depthwise_conv_2d")):
        for name, (image, kernel, attributes) in layers.items():
            window = kernel[1:3] if op == "conv_2d" else kernel[:2]
            stride = 2 if "strides" in attributes else 1
            pixels = [(size - side) // stride + 1 for size, side in zip(image, window, strict=False)]
            channels = kernel[0] if op == "conv_2d" else kernel[2]
            write(name, op, ((1, *image), kernel, (1, *pixels, channels)), attributes, bits)
    name, depth, outputs = VECTOR
    write(name, "matmul", ((1, depth), (outputs, depth), (1, outputs)), "", bits)
