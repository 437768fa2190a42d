// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The passes that choose levels and scales, or take over those of other tools.

#ifndef GPFQ_TRANSFORMS_QUANTIZATIONPASSES
#define GPFQ_TRANSFORMS_QUANTIZATIONPASSES

include "mlir/Pass/PassBase.td"

def GPFQAnnotateLayers : Pass<"gpfq-annotate-layers", "func::FuncOp"> {
  let summary = "Say what each layer is to be quantised to";
  let description = [{
    Level 1. Puts a `lowbit.layer` on every channels-last convolution, `linalg.matmul` and `linalg.batch_matmul` whose
    weights are constant. A layer is named after the resource that holds its weights (without `.weight`), else after a
    name in its location, else by kind and position (`conv_3`); a name that occurs again gets a suffix.

    `granularity=block` gives each output channel a scale for every `block-size` consecutive input channels, over all
    taps of the kernel. Layers with no more input channels than that have one block, which is a scale for each channel;
    so have, with a remark, those whose input channels are no multiple of `block-size` and grouped convolutions.

    `weight-bits` chooses the default alphabet of a width, `alphabet` any other. `skip` is a regular expression: layers
    whose whole name matches stay float. `policy` is a JSON file of exceptions; `match` is a regular expression for the
    whole name, a later entry overrides an earlier one, and an entry that matches no layer is an error:

    ```json
    {"layers": [
      {"match": "stem.*|fc", "bits": 8},
      {"match": "block[.]3[.].*", "alphabet": "mid_rise:2", "granularity": "tensor"},
      {"match": "head", "skip": true}
    ]}
    ```

    A product of two activations, as in attention, stays float, with a remark. With `products=int8` a `linalg.matmul` or
    `linalg.batch_matmul` of static shape, or a generic of that form, gets a `lowbit.product` with its name instead, and
    what cannot be multiplied in integers a remark that says why.

    ```mlir
    %y = linalg.matmul ins(%x, %w : tensor<1x64xf32>, tensor<64x10xf32>) outs(%b : tensor<1x10xf32>) -> tensor<1x10xf32>
    // becomes, with weight-bits=4
    %y = linalg.matmul {lowbit.layer = #lowbit.layer<"fc", <mid_tread, [7]>, channel>}
        ins(%x, %w : tensor<1x64xf32>, tensor<64x10xf32>) outs(%b : tensor<1x10xf32>) -> tensor<1x10xf32>
    ```
  }];
  let options = [
    Option<"weightBits", "weight-bits", "unsigned", "4", "bits of a weight, 1 to 8">,
    Option<"alphabet", "alphabet", "std::string", "\"\"",
           "levels of a weight, e.g. mid_tread:7, mid_rise:2, range:-8:7, levels:-3:0:1, hard_threshold:3:1.5; "
           "overrides weight-bits">,
    Option<"granularity", "granularity", "std::string", "\"channel\"",
           "one scale for each output channel (channel), one for the layer (tensor), or one for each output channel "
           "and block-size input channels (block)">,
    Option<"blockSize", "block-size", "int64_t", "32", "input channels of a block, for granularity=block">,
    Option<"skip", "skip", "std::string", "\"\"", "regular expression of layers that stay float">,
    Option<"policy", "policy", "std::string", "\"\"", "JSON file of settings for named layers">,
    Option<"products", "products", "std::string", "\"float\"",
           "products of two activations: float, or int8: both are quantised when the network runs">
  ];
  let statistics = [
    Statistic<"numAnnotated", "annotated", "Layers to be quantised">,
    Statistic<"numSkipped", "skipped", "Layers that stay float on request">,
    Statistic<"numProducts", "products", "Products of two activations">,
    Statistic<"numIntegerProducts", "integer-products", "Products of two activations to be quantised">,
    Statistic<"numUnsupported", "unsupported", "Convolutions and matmuls that cannot be quantised">
  ];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::lowbit::LowBitDialect"];
}

def GPFQAllocateBits : Pass<"gpfq-allocate-bits", "::mlir::ModuleOp"> {
  let summary = "Choose the bits of each annotated layer within a budget";
  let description = [{
    Level 1. Quantises each layer on its own, with GPFQ on the float network's data, to each of the `candidates`, and
    measures for each what the network's outputs lose: ||f'(x) - f(x)||^2 / ||f(x)||^2 over the first `output-samples`
    samples x. These losses are taken to add up; the choice with the least sum of all that fit the budget is found by
    dynamic programming (a multiple-choice knapsack), exactly for up to some 10,000 undominated combinations, else
    within a thousandth of the size. Labels are not used. `average-bits` and `budget` count the weights of annotated
    layers, without scales. Layers whose whole name matches `fixed` keep the alphabet that they have. Others get the
    default alphabet of the bits chosen. Layers with equal weights get equal bits.

    A remark has the size and the predicted error; `report` is a JSON file with the losses of all candidates and the
    frontier, see docs/calibration-format.md. Errors there are relative norms, the square roots of the losses.

    ```mlir
    %y = linalg.matmul {lowbit.layer = #lowbit.layer<"fc", <mid_tread, [7]>, channel>} ins(%x, %w : ...) outs(%b : ...)
    // becomes, say,
    %y = linalg.matmul {lowbit.layer = #lowbit.layer<"fc", <mid_rise, [4]>, channel>} ins(%x, %w : ...) outs(%b : ...)
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::lowbit::LowBitDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let options = [
    ListOption<"calibration", "calibration", "std::string", "Calibration files, one for each argument">,
    Option<"samples", "samples", "int64_t", "0", "Use the first N samples; 0 means all">,
    Option<"averageBits", "average-bits", "double", "0.0", "Bits that a weight may take on average">,
    Option<"budget", "budget", "int64_t", "0", "Bytes that all weights may take, instead of average-bits">,
    ListOption<"candidates", "candidates", "int64_t", "Bits to choose from; 2,3,4,8 if none are given">,
    Option<"fixed", "fixed", "std::string", "\"\"", "Regular expression of layers that keep their alphabet">,
    Option<"cache", "cache", "std::string", "\"\"",
           "Directory that keeps the moments of the layers for another run, with another budget or other candidates">,
    Option<"outputSamples", "output-samples", "int64_t", "32", "Samples that losses are measured on">,
    Option<"maxRows", "max-rows", "int64_t", "8192", "Rows of the data of a layer, at most, for all samples">,
    Option<"threads", "threads", "unsigned", "0", "Number of threads; 0 means one for each CPU">,
    Option<"memoryBudget", "memory-budget", "uint64_t", "1610612736",
           "Bytes of activations to keep in memory; the rest goes to a temporary file in TMPDIR">,
    Option<"report", "report", "std::string", "\"\"", "File for the losses and the frontier, JSON">
  ];
  let statistics = [
    Statistic<"numLayers", "layers", "Layers that got bits">,
    Statistic<"numCached", "cached", "Layers whose moments came from the cache">
  ];
}

def GPFQQdqToLowBit : Pass<"gpfq-qdq-to-lowbit", "func::FuncOp"> {
  let summary = "Weights and activations that another tool has quantised become lowbit ops";
  let description = [{
    Networks that ONNX Runtime, Brevitas and others have quantised hold their weights as integer codes behind
    DequantizeLinear, and a QuantizeLinear and a DequantizeLinear on activations (QDQ, or QCDQ with bounds on the codes
    in between). The importer makes elementwise linalg ops of these, in whose bodies this pass finds the arithmetic.

    - A constant of i8, u8 or i32 codes q with zero points z and scales s, (clamp(q, lo, hi) - z) * s, that is the weight
      of a convolution or matmul: `lowbit.dequantize` of exactly these levels, q - z, in the alphabet of the fewest bits
      that has them. Scales are one, one for each output channel, or one for each block of its inputs.
    - One that is not, such as a bias: a constant of f32. So is a weight whose levels less the zero point do not fit
      into 8 bits, with a remark.
    - An activation x that is quantised and dequantised,
      (clamp(roundeven(x / s) + z, lo, hi) - z) * s: `lowbit.quantize` and `lowbit.dequantize`. The least code becomes 0,
      so signed codes change their zero point and nothing else.

    What is quantised in another way (16 bits, a scale for each channel of an activation) stays as it is and is
    remarked on. `gpfq-import-qdq` brings the network into the form that this needs; `lowbit-fuse` makes integer layers
    of the result.

    ```mlir
    %w = linalg.generic ins(%codes, %scales : tensor<16x3x3x4xi8>, tensor<16xf32>) outs(%e : tensor<16x3x3x4xf32>) {
    ^bb0(%q: i8, %s: f32, %out: f32):
      %0 = arith.sitofp %q : i8 to f32
      %1 = arith.mulf %0, %s : f32
      linalg.yield %1 : f32
    }
    ```
    becomes
    ```mlir
    %w = lowbit.dequantize %codes, %scales axis 0 alphabet <mid_tread, [127]> layer "conv1"
       : tensor<16x3x3x4xi8>, tensor<16xf32> -> tensor<16x3x3x4xf32>
    ```
  }];
  let statistics = [
    Statistic<"numWeights", "weights", "Weights with levels">,
    Statistic<"numActivations", "activations", "Activations that are quantised">,
    Statistic<"numLeft", "left", "Conversions to codes that are computed in float">
  ];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "lowbit::LowBitDialect",
                           "tensor::TensorDialect"];
}

def GPFQQuantizeActivations : Pass<"gpfq-quantize-activations", "::mlir::ModuleOp"> {
  let summary = "Quantises the inputs of annotated layers to unsigned codes of up to 8 bits";
  let description = [{
    `mode=static` runs the float network on the calibration samples, chooses a range for each value that feeds an op with a
    `lowbit.layer`, and replaces every use of the value by `dequantize(quantize(value))`. Where the op reads a
    value padded with zeros, the value before the padding is quantised, so that one buffer of codes serves all
    uses. Ranges contain 0; the zero point is 0 when no value is negative.

    `range` is `minmax`; `percentile`, which leaves (100 - `percentile`) % of the values out; or `mse`, the range
    with the least squared error. The file format is in docs/calibration-format.md, and so is that of `report`, which
    has the values and the codes of each activation.

    ```mlir
    %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] ...
    %y = linalg.conv_2d_nhwc_fhwc {lowbit.layer = ...} ins(%p, %w ...) ...
    // becomes
    %s = arith.constant dense<3.1e-2> : tensor<1xf32>
    %q = lowbit.quantize %x, %s : tensor<1x8x8x4xf32>, tensor<1xf32> -> tensor<1x8x8x4xi8>
    %d = lowbit.dequantize %q, %s : tensor<1x8x8x4xi8>, tensor<1xf32> -> tensor<1x8x8x4xf32>
    %p = tensor.pad %d low[0, 1, 1, 0] high[0, 1, 1, 0] ...
    ```

    Codes of 8 bits go from 0 to 255, but those of inputs of convolutions and matrix products whose weights have up to five
    bits leave room at the end: as many codes as there are from the least to the largest level, 14 of four bits. Kernels may
    then add a code and a level in a byte (`paired` in `#lowbit.layout`), which wins time where a channel group has 32 output channels
    or more and 6,144 weights; the inputs of other layers have all codes. With `max=255` all have.

    `bits=1` makes signs of the values that feed nothing but layers whose levels are -1 and 1: the codes 0 and 2 with
    zero point 1 (`lowbit.quantize` with `sign`), and the scale with the least squared error, the mean of |x|. A value
    keeps 8 bits, with a remark, if a layer that reads it has other levels, groups, one filter a channel or fewer than 16
    input channels, for which `lowbit-pack` does not count bits, or if no value is negative in the calibration data, as
    behind a ReLU: its signs would be all the same.

    `mode=dynamic` gives each row of the input of a matrix product a scale and a zero point of its own, which the network
    computes when it runs (`lowbit.quantize_rows` has the formulas); with `symmetric` the zero point is 128. No data are
    read for it. This is for transformers, where a few elements are much larger than all others. Inputs of convolutions
    are quantised statically in this mode too.

    ```mlir
    %y = linalg.matmul {lowbit.layer = ...} ins(%x, %w : tensor<32x384xf32>, tensor<384x384xf32>) ...
    // becomes
    %q, %s, %z = lowbit.quantize_rows ins(%x : tensor<32x384xf32>) outs(...)
        -> tensor<32x384xi8>, tensor<32x1xf32>, tensor<32x1xi32>
    %d = lowbit.dequantize_rows %q, %s, %z : ... -> tensor<32x384xf32>
    %y = linalg.matmul {lowbit.layer = ...} ins(%d, %w : tensor<32x384xf32>, tensor<384x384xf32>) ...
    ```

    In both modes the operands of an op with a `lowbit.product` are quantised dynamically: the rows of the first (with
    `symmetric` if that is set), and, always symmetric, the columns of the second, which become rows for it. A transpose
    of the second operand moves into that.

    ```mlir
    %y = linalg.batch_matmul {lowbit.product = "product_0"}
        ins(%a, %b : tensor<12x48x32xf32>, tensor<12x32x48xf32>) ...
    // becomes
    %qa, %sa, %za = lowbit.quantize_rows ins(%a : tensor<12x48x32xf32>) outs(...) -> ...
    %da = lowbit.dequantize_rows %qa, %sa, %za : ... -> tensor<12x48x32xf32>
    %t = linalg.transpose ins(%b : tensor<12x32x48xf32>) outs(...) permutation = [0, 2, 1]
    %qb, %sb, %zb = lowbit.quantize_rows symmetric ins(%t : tensor<12x48x32xf32>) outs(...) -> ...
    %db = lowbit.dequantize_rows %qb, %sb, %zb : ... -> tensor<12x48x32xf32>
    %u = linalg.transpose ins(%db : tensor<12x48x32xf32>) outs(...) permutation = [0, 2, 1]
    %y = linalg.batch_matmul {lowbit.product = "product_0"} ins(%da, %u : ...) ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::lowbit::LowBitDialect", "::mlir::tensor::TensorDialect"];
  let options = [
    ListOption<"calibration", "calibration", "std::string", "Calibration files, one for each argument">,
    Option<"samples", "samples", "int64_t", "0", "Use the first N samples; 0 means all">,
    Option<"mode", "mode", "std::string", "\"static\"",
           "static: scales from the calibration data; dynamic: for each row, when the network runs">,
    Option<"symmetric", "symmetric", "bool", "false", "For mode=dynamic: zero points are 128">,
    Option<"bits", "bits", "int64_t", "8",
           "Bits of a code, 1 to 8, 1: signs for layers with weights of 1 bit; 8 for mode=dynamic">,
    Option<"max", "max", "int64_t", "0", "The largest code of 8 bits, 1 to 255; 0: 255 less what layers leave room for">,
    Option<"range", "range", "std::string", "\"minmax\"", "minmax, percentile or mse">,
    Option<"percentile", "percentile", "double", "99.99", "Share of the values inside of the range, in percent">,
    Option<"threads", "threads", "unsigned", "0", "Number of threads; 0 means one for each CPU">,
    Option<"report", "report", "std::string", "\"\"", "File for the report, JSON">
  ];
  let statistics = [
    Statistic<"numQuantized", "values-quantised", "Activations quantised statically">,
    Statistic<"numSigns", "values-quantised-to-signs", "Activations of which there are signs, with bits=1">,
    Statistic<"numNotSigns", "values-not-signs", "Activations that keep 8 bits, with bits=1">,
    Statistic<"numDynamic", "values-quantised-by-row", "Activations quantised for each row, dynamically">,
    Statistic<"numProducts", "products-quantised", "Products of two activations whose operands were quantised">
  ];
}

def GPFQQuantizeWeights : Pass<"gpfq-quantize-weights", "::mlir::ModuleOp"> {
  let summary = "Quantises the weights of annotated layers with GPFQ";
  let description = [{
    Takes the float network and the network quantised so far through the calibration samples, layer by layer.
    Before each op with a `lowbit.layer`, accumulates the second moments of its inputs in both networks,
    computes integer levels for its weights, and goes on with the quantised weights. Activation pairs of
    `gpfq-quantize-activations` act in the quantised network only, so the weights make up for their error.

    GPFQ (Zhang, Zhou, Saab, "Post-training Quantization for Neural Networks with Provable Guarantees", SIAM J. Math.
    Data Sci. 5(2), 2023) chooses the level of column t of a neuron greedily, such that the error u of all columns so
    far stays small: `q_t = Q(<X~_t, u_{t-1} + w_t X_t> / ||X~_t||^2)`. Options that are `auto` are as the recipe says:

    | option | `recipe=best` | `recipe=paper` | |
    |---|---|---|---|
    | `method` | `qronos` | `gpfq` | `optq`: what the levels so far leave is spread over the columns to come by the Cholesky factor of the inverse of X~'X~; `qronos` (Zhang et al., arXiv 2505.11695): that after a refit; `spfq`: GPFQ with stochastic rounding; `msq`: memoryless, each weight to its nearest level, the paper's baseline |
    | `refit` | `true` | `false` | quantise the float weights that fit the outputs best on the inputs of the quantised network, not those of the float network |
    | `step` | `search` | `constant` | `search`: the step with the least held-out error; `constant`: `step-factor` (the paper's C) times the mean over the channels of the largest weight, or times the largest weight of the channel |
    | `order` | `norm` | `natural` | of the columns |
    | `sweeps` | 2 | 0 | coordinate descent on the error |
    | `tabu-moves` | 1500 | 0 | after the sweeps, here and in the rounds below, a tabu search of so many moves for the levels of each output channel, past minima of coordinate descent; 1,024 / N of them where it has N > 1,024 weights. Not with thresholds and `accumulator-bits`; by the recipe only without these, and for up to 16 levels |
    | `alternations` | 2 | 0 | the best step for the levels in closed form, then sweeps |
    | `residual-targets` | `clipped` | `false` | where a shortcut is added to the output, the target of the layer includes what the shortcut lost; `clipped`: where a ReLU or ReLU6 follows the sum, with `inputs=quantized`; `true`: everywhere |
    | `clip-rounds` | 4 | 0 | where a ReLU or ReLU6 follows, directly or behind a shortcut, no error counts that it clips away: majorise-minimise over the rows of the data |
    | `pool-rounds` | 0 | 0 | where a mean over all positions of an image follows, behind a ReLU or not, instead of `clip-rounds`: the error of the means is lowered by Gauss-Newton steps over images, with levels by coordinate descent. Such a layer reads whole images, whatever `max-rows` is. Not for images of more than 256 positions there, depthwise layers, thresholds and `accumulator-bits` |
    | `scale-matching` | `variance` | `none` | last, scales such that the variance of an output channel is that of the float network; by the recipe only for up to 8 levels and one scale a channel |
    | `bias-correction` | `true` | `false` | the bias takes up the mean error of each output channel |
    | `ridge` | 2 | 0 | a change of the weights costs too: the error is `||X w - X~ q||^2 + c E N / m ||w - q||^2` for a ridge c, m rows and N columns with a mean energy E. Where rows are few, that keeps the levels from fitting their noise |

    The paper's setting also has `granularity=tensor` and `held-out=0`. With `method=msq` nothing depends on the data
    unless an option says so.

    Convolutions use patches at their real stride, dilation and padding; `max-rows` limits their number (as do 512 for
    each weight of a neuron), drawn for each sample without replacement, the same in each run.
    docs/calibration-format.md has what that costs. `patches=paper` is for comparison with the paper's code: patches
    at a stride of the kernel's size, of the L of each image int(p L + 1) drawn with replacement, p being `retain-rate`,
    without the limits above. (That code also takes new images for each layer; here all layers see the same.) Layers with equal weights are quantised once on the
    data of all of them, unless one depends on the other. Levels do not depend on `threads`, `memory-budget`,
    `checkpoint` and `cache`.

    `cache` is a directory that keeps the moments of each layer, for runs on the same model (activations included),
    data, `samples`, `held-out` and rows; it is refused for others. Whatever else is different in such a run (bits,
    alphabet, method, step, ...), a layer whose input in the quantised network is the same needs no data. With
    `inputs=float` that is every layer: weights are then fitted to inputs on which no other weights are quantised. That
    is less accurate, since layers no longer make up for the errors of those before them. With `inputs=quantized` it is
    the layers up to the first one of which something is different, and those that do not depend on it. `clip-rounds`
    and `pool-rounds` need rows and not only moments, so layers behind which there is a ReLU or such a mean are run on the data again;
    `residual-targets` keep moments out of the cache.

    ```mlir
    %y = linalg.conv_2d_nhwc_fhwc {lowbit.layer = #lowbit.layer<"conv1", <mid_tread, [7]>, channel>}
        ins(%x, %w : tensor<1x10x10x4xf32>, tensor<16x3x3x4xf32>) outs(%b : tensor<1x8x8x16xf32>) ...
    // becomes
    %l = arith.constant dense_resource<conv1.levels> : tensor<16x3x3x4xi8>
    %s = arith.constant dense<...> : tensor<16xf32>
    %w = lowbit.dequantize %l, %s axis 0 alphabet <mid_tread, [7]> layer "conv1" : ...
    %y = linalg.conv_2d_nhwc_fhwc ins(%x, %w : ...) outs(%b : ...) ...
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::lowbit::LowBitDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let options = [
    ListOption<"calibration", "calibration", "std::string", "Calibration files, one for each argument">,
    Option<"samples", "samples", "int64_t", "0", "Use the first N samples; 0 means all">,
    Option<"heldOut", "held-out", "double", "0.1",
           "Fraction of the samples that measures errors and chooses steps, below 1">,
    Option<"recipe", "recipe", "std::string", "\"best\"",
           "What the options below are when they are auto: best, or paper">,
    Option<"method", "method", "std::string", "\"auto\"",
           "gpfq, optq, qronos, spfq (stochastic), or msq: round to nearest">,
    Option<"step", "step", "std::string", "\"auto\"",
           "absmax: from the largest weight; constant: step-factor times the paper's radius; "
           "search: least error on the held-out samples">,
    Option<"stepFactor", "step-factor", "double", "1.0", "The paper's C, for step=constant">,
    Option<"order", "order", "std::string", "\"auto\"",
           "Columns by descending norm (norm), or as they are (natural)">,
    Option<"sweeps", "sweeps", "std::string", "\"auto\"", "Coordinate descent sweeps after the recursion">,
    Option<"tabuMoves", "tabu-moves", "std::string", "\"auto\"",
           "Moves of a tabu search for the levels of each output channel, after the sweeps">,
    Option<"alternations", "alternations", "std::string", "\"auto\"",
           "Rounds of the best step for the levels, then sweeps">,
    Option<"clipRounds", "clip-rounds", "std::string", "\"auto\"",
           "Rounds that charge no error where a ReLU or ReLU6 behind the layer clips both networks alike">,
    Option<"poolRounds", "pool-rounds", "std::string", "\"auto\"",
           "Rounds that aim at the means over positions where a global average pooling follows">,
    Option<"scaleMatching", "scale-matching", "std::string", "\"auto\"",
           "Last change of the scales: none, least-squares, or variance: that of the float outputs">,
    Option<"ridge", "ridge", "std::string", "\"auto\"",
           "Weight of the change of the weights beside that of the output; 0 is the paper's">,
    Option<"refit", "refit", "std::string", "\"auto\"",
           "true: fit float weights to the quantised inputs first; false">,
    Option<"blockSize", "block-size", "int64_t", "32", "Columns per block of the recursion; levels do not depend on it">,
    Option<"biasCorrection", "bias-correction", "std::string", "\"auto\"",
           "true: remove the mean error of each output channel; false">,
    Option<"residualTargets", "residual-targets", "std::string", "\"auto\"",
           "true: make up for the error of the shortcut that is added to the output; clipped: where "
           "a ReLU or ReLU6 follows; false">,
    Option<"threshold", "threshold", "std::string", "\"none\"",
           "For sparse levels: none, soft or hard (the paper's section 5)">,
    Option<"lambda", "lambda", "std::string", "\"auto\"",
           "The threshold; for hard by default the least positive level">,
    Option<"lambdaUnit", "lambda-unit", "std::string", "\"step\"",
           "What lambda is measured in: step, radius (the largest level) or weight">,
    Option<"radiusQuantile", "radius-quantile", "double", "1.0",
           "Quantile of the magnitudes of a channel that counts as its largest weight">,
    Option<"accumulatorBits", "accumulator-bits", "int64_t", "0",
           "Levels such that sums of products with any codes fit so many bits; 0: no bound">,
    Option<"accumulatorTile", "accumulator-tile", "int64_t", "0",
           "Columns that one accumulator sums; 0: all of a neuron">,
    Option<"seed", "seed", "int64_t", "0", "Of the random numbers of spfq">,
    Option<"maxRows", "max-rows", "int64_t", "32768", "Rows of the data of a layer, at most, for all samples">,
    Option<"inputs", "inputs", "std::string", "\"quantized\"",
           "Inputs that the quantised weights are fitted on: those of the network quantised so far, or with float: "
           "of one with all other weights in float">,
    Option<"cache", "cache", "std::string", "\"\"",
           "Directory that keeps the moments of the layers for another run, at other bits or with another method">,
    Option<"patches", "patches", "std::string", "\"real\"",
           "Patches of a convolution that are rows: real, those that it reads, or paper, as the paper's code has them">,
    Option<"retainRate", "retain-rate", "double", "0.25", "Share of the patches that patches=paper draws, in (0, 1]">,
    Option<"exactMoments", "exact-moments", "bool", "false",
           "Form the sums of the moments in f64, slowly, to see what f32 sums change">,
    Option<"threads", "threads", "unsigned", "0", "Number of threads; 0 means one for each CPU">,
    Option<"memoryBudget", "memory-budget", "uint64_t", "1610612736",
           "Bytes of activations to keep in memory; the rest goes to a temporary file in TMPDIR">,
    Option<"checkpoint", "checkpoint", "std::string", "\"\"", "Directory for finished layers; a run goes on from them">,
    Option<"report", "report", "std::string", "\"\"", "File for the report on each layer, JSON">,
    Option<"exportFile", "export", "std::string", "\"\"", "File for levels, scales and alphabets, safetensors">
  ];
  let statistics = [
    Statistic<"numQuantized", "layers-quantised", "Layers quantised">,
    Statistic<"numResumed", "layers-resumed", "Layers taken from the checkpoint">,
    Statistic<"numCached", "layers-cached", "Layers whose moments came from the cache">,
    Statistic<"numFloat", "layers-float", "Convolutions and matmuls left in float">,
    Statistic<"numDeadInputs", "dead-inputs", "Inputs of neurons that are 0 in all calibration data">
  ];
}

#endif // GPFQ_TRANSFORMS_QUANTIZATIONPASSES
