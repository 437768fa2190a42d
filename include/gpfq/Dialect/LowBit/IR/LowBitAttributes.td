// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef LOWBIT_ATTRIBUTES
#define LOWBIT_ATTRIBUTES

include "gpfq/Dialect/LowBit/IR/LowBitDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class LowBit_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<LowBit_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

//===----------------------------------------------------------------------===//
// Alphabet
//===----------------------------------------------------------------------===//

def LowBit_AlphabetKind : I32EnumAttr<"AlphabetKind", "how the levels of an alphabet are named", [
  I32EnumAttrCase<"MidTread", 0, "mid_tread">,
  I32EnumAttrCase<"MidRise", 1, "mid_rise">,
  I32EnumAttrCase<"Range", 2, "range">,
  I32EnumAttrCase<"Levels", 3, "levels">
]> {
  let cppNamespace = "::mlir::lowbit";
  let genSpecializedAttr = 0;
}

def LowBit_AlphabetAttr : LowBit_Attr<"Alphabet", "alphabet"> {
  let summary = "The integer levels that a weight can take";
  let description = [{
    | syntax | levels | in the paper (Zhang, Zhou, Saab 2023) |
    |---|---|---|
    | `mid_tread, [K]` | -K, ..., K | the alphabet A_K with step delta = scale |
    | `mid_rise, [K]` | ±1, ±3, ..., ±(2K-1) | ±(k - 1/2) delta with delta = 2 scale; K = 1 is binary |
    | `range, [lo, hi]` | lo, lo+1, ..., hi | two's complement |
    | `levels, [a, b, ...]` | the list, strictly ascending | any other, e.g. {0} and ±(l + k d) of hard thresholding |

    All levels lie in -128..127. The bits of a weight are the least b with 2^b >= the number of levels.

    ```mlir
    #lowbit.alphabet<mid_tread, [7]>     // 4 bits, -7..7
    #lowbit.alphabet<mid_rise, [2]>      // 2 bits, {-3, -1, 1, 3}
    #lowbit.alphabet<levels, [-5, -4, -3, 0, 3, 4, 5]>
    ```
  }];
  let parameters = (ins
    EnumParameter<LowBit_AlphabetKind>:$kind,
    ArrayRefParameter<"int32_t">:$values
  );
  let assemblyFormat = "`<` $kind `,` `[` $values `]` `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// All levels, ascending.
    ::llvm::SmallVector<int32_t> getLevels() const;
    int32_t getMinLevel() const;
    int32_t getMaxLevel() const;
    /// The largest |level|.
    int32_t getMaxMagnitude() const;
    int64_t getNumLevels() const;
    /// The largest of the levels and 0 less the least of them.
    int32_t getSpan() const { return std::max(getMaxLevel(), 0) - std::min(getMinLevel(), 0); }
    /// The least b with 2^b >= the number of levels, at least 1.
    unsigned getBits() const;
    bool containsLevel(int32_t level) const;
    /// True if the levels are -1 and 1.
    bool isSigns() const;
    /// The default of a bit width in 1..8: mid-rise with 2^bits levels up to 3 bits, else mid-tread
    /// with 2^bits - 1 levels (docs/rationale.md has the measurement).
    static AlphabetAttr getDefault(::mlir::MLIRContext *context, unsigned bits);
  }];
}

//===----------------------------------------------------------------------===//
// Layer
//===----------------------------------------------------------------------===//

def LowBit_Granularity : I32EnumAttr<"Granularity", "how many weights share a scale", [
  I32EnumAttrCase<"Tensor", 0, "tensor">,
  I32EnumAttrCase<"Channel", 1, "channel">,
  I32EnumAttrCase<"Block", 2, "block">
]> {
  let cppNamespace = "::mlir::lowbit";
  let genSpecializedAttr = 0;
}

def LowBit_LayerAttr : LowBit_Attr<"Layer", "layer"> {
  let summary = "What is to be done to one quantisable op";
  let description = [{
    A discardable attribute `lowbit.layer` that `gpfq-annotate-layers` puts on linalg convolutions and
    matmuls and that `gpfq-quantize-weights` consumes. Nothing may run in between that drops
    discardable attributes (generalisation does).

    ```mlir
    lowbit.layer = #lowbit.layer<"block.0.conv", <mid_tread, [7]>, channel>
    lowbit.layer = #lowbit.layer<"block.1.conv", <mid_tread, [7]>, block, 32>
    ```

    `tensor`: one scale for all weights; `channel`: one for each output channel; `block`: one for each output channel
    and block of so many consecutive input channels, over all taps of the kernel.
  }];
  let parameters = (ins
    StringRefParameter<"name of the layer, unique in the function">:$name,
    "AlphabetAttr":$alphabet,
    EnumParameter<LowBit_Granularity>:$granularity,
    DefaultValuedParameter<"int64_t", "0", "input channels of a block; 0 if not block">:$block_size
  );
  let assemblyFormat = "`<` $name `,` $alphabet `,` $granularity (`,` $block_size^)? `>`";
  let builders = [
    AttrBuilder<(ins "::llvm::StringRef":$name, "AlphabetAttr":$alphabet, "Granularity":$granularity,
                     CArg<"int64_t", "0">:$blockSize), [{
      return $_get($_ctxt, name, alphabet, granularity, blockSize);
    }]>
  ];
  let skipDefaultBuilders = 1;
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

def LowBit_FieldEncoding : I32EnumAttr<"FieldEncoding", "how a level is stored in a field of b bits", [
  I32EnumAttrCase<"TopAligned", 0, "top_aligned">,
  I32EnumAttrCase<"Offset", 1, "offset">,
  I32EnumAttrCase<"Signs", 2, "signs">,
  I32EnumAttrCase<"InPlace", 3, "in_place">,
  I32EnumAttrCase<"Paired", 4, "paired">
]> {
  let cppNamespace = "::mlir::lowbit";
  let genSpecializedAttr = 0;
}

def LowBit_LayoutAttr : LowBit_Attr<"Layout", "layout"> {
  let summary = "How the weights of a packed op are laid out in bytes";
  let description = [{
    `target` names the kernel family. `kernel` is the shape of the weights before packing:
    `[OC, KH, KW, IC / groups]` for `conv_2d`, `[KH, KW, C]` for `depthwise_conv_2d`, `[N, K]` for `matmul`.

    The products of one output are taken in *runs* of `run` elements, which lie side by side in memory (a
    kernel row of all channels, the channels of one tap, a row of a matrix; the taps of a depthwise
    kernel). A run is cut in *quads* of four elements, one byte lane of a dot product. If its length is no
    multiple of four, the last quad of a run of four or more elements covers its last four, and the
    elements that it repeats are zero; a depthwise or shorter run is filled up with zeros behind. The kernel rows of
    a first layer with three channels have one such element each: where it saves a tenth of all quads, and takes
    16 at most, the last `run mod 4` elements of all runs, one run after the other, are cut in quads of their own,
    in the steps behind those of all runs.

    Output channels are grouped in panels of `lanes * vectors`; the last panel of a channel group has only as
    many vectors as it needs. The bytes go: channel group, panel, run, step, vector, register, lane,
    byte in the quad. Lane l of vector v is channel `lanes * v + l` of the panel. A depthwise layout with four
    vectors is interleaved: there it is channel 16 (l / 4) + 4 v + l % 4, which is where interleaving the bytes of
    four registers of codes leaves it, and the last panel is full, overlapping the one before it.

    A weight is a field f of b bits, an unsigned number. b is the least width that holds the level in
    two's complement, or (level - 1) / 2 where all levels are odd. A *step* is the least number of quads whose fields fill
    R whole registers of `4 * lanes` bytes: 8 / gcd(8, b). With m = floor(8/b), register r = 0 .. R - 1 of a step holds the quads
    m r + i, i = 0 .. m - 1, in bits i*b .. i*b + b - 1 of each byte. The upper 8 - m b bits that registers leave over, at 3, 5, 6 and 7 bits,
    make the last n quads of a step: of quad m R + j the highest bits are what register j leaves, the others those of one
    list of the bits that registers n, n + 1, .. leave, from the lowest on.

    `tile` is no part of the layout but goes with `vectors`: the output pixels (rows of a matrix) whose sums the
    kernel keeps in registers, `[pixels]` or, of `depthwise_conv_2d`, `[rows, columns]`. Without it the kernel
    generator asks the target. See `lowbit-pack`.

    | encoding | field of level l | l odd |
    |---|---|---|
    | `top_aligned` | l mod 2^b: unpacks to the byte l * 2^(8-b), whose products are shifted back in the sum | (l-1)/2 mod 2^b, to the byte l * 2^(7-b) |
    | `offset` | l + 2^(b-1): unpacks to the byte l | (l-1)/2 + 2^(b-1) |
    | `in_place` | that of `offset`; in the highest bits of a byte that of `top_aligned` | the same |
    | `paired` | that of `offset` | the same |

    Fields of 1 to 7 bits with the encoding `in_place`, of a `matmul` of one row, are not unpacked: masked
    where they are, a field that begins at bit p of a byte stands for f * 2^p, and the products have a sum for each p,
    from which those of the codes with the offsets are taken at the end. Fields in pieces are put together in bits 8 - b .. 7.

    With the encoding `paired`, of a `conv_2d` or `matmul`, kernels may multiply half as often, by Winograd's inner product
    (IEEE Trans. Computers C-17, 1968). For quads e and o that follow each other in a run, codes x and levels w, byte by byte,

        x(e) w(e) + x(o) w(o) = (x(e) + w(o)) (x(o) + w(e)) - x(e) x(o) - w(e) w(o)

    where the sums of x(e) x(o) are those of a pixel, for all channels, and those of w(e) w(o) those of a channel, for all
    pixels. The sums must fit a byte: the op's `input_max` + (largest - least of the levels and 0) <= 255.

    With the encoding `signs` levels are -1 and 1, and the input is bits, see `lowbit.pack_signs`. So are the weights: bit
    c % 8 of byte c / 8 of a tap is 1 for a level of 1, and there are `4 * ceil(C / 32)` bytes for its C channels. These
    bytes, with a `run` in bytes, are laid out as levels of eight bits would be. Where the input has the codes 0 and 2,

        acc(oc) = 2 * (table(oc) - number of ones in input xor weights(oc))
        2 * table(oc) = (number of weights) + (sum of levels) + (padding value) * (sum of the levels that are over padding)

    with padding of 0 bits. That is even unless an odd number of channels is padded with an odd value. The last sum differs near the edges of an image. `border = [top, bottom, left, right]` has the
    numbers of output rows and columns at each edge whose tables are their own; all other pixels share one. With
    H = top + 1 + bottom, W = left + 1 + right there are H x W tables, in this order, of i32 for the channels of a panel,
    behind the bytes of each panel.
  }];
  let parameters = (ins
    StringRefParameter<"kernel family">:$target,
    "int64_t":$lanes,
    "int64_t":$vectors,
    EnumParameter<LowBit_FieldEncoding>:$encoding,
    "int64_t":$run,
    ArrayRefParameter<"int64_t">:$kernel,
    OptionalArrayRefParameter<"int64_t">:$border,
    OptionalArrayRefParameter<"int64_t">:$tile
  );
  let builders = [
    AttrBuilder<(ins "::llvm::StringRef":$target, "int64_t":$lanes, "int64_t":$vectors, "FieldEncoding":$encoding,
                     "int64_t":$run, "::llvm::ArrayRef<int64_t>":$kernel,
                     CArg<"::llvm::ArrayRef<int64_t>", "{}">:$border,
                     CArg<"::llvm::ArrayRef<int64_t>", "{}">:$tile), [{
      return $_get($_ctxt, target, lanes, vectors, encoding, run, kernel, border, tile);
    }]>
  ];
  let skipDefaultBuilders = 1;
  let assemblyFormat = [{
    `<` $target `,` `lanes` `=` $lanes `,` `vectors` `=` $vectors `,` $encoding `,` `run` `=` $run `,`
    `kernel` `=` `[` $kernel `]` (`,` `border` `=` `[` $border^ `]`)?
    (`tile` `=` `[` $tile^ `]`)? `>`
  }];
  let extraClassDeclaration = [{
    /// True if the input is bits.
    bool hasSigns() const { return getEncoding() == FieldEncoding::Signs; }
    /// `getKernel()` with bytes for the input channels where these are bits.
    ::llvm::SmallVector<int64_t> getStoredKernel() const;
  }];
  let genVerifyDecl = 1;
}

#endif // LOWBIT_ATTRIBUTES
