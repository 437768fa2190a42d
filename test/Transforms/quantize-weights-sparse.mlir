// Thresholds make levels sparse, and the accumulator bound makes them small.

// RUN: %python %S/../Inputs/make_npy.py %t.npy 64x8
// RUN: gpfq-opt %s --gpfq-annotate-layers="alphabet=mid_tread:7" --gpfq-quantize-weights="calibration=%t.npy report=%t.dense.json" -o /dev/null
// RUN: FileCheck %s --check-prefix=DENSE < %t.dense.json
// RUN: gpfq-opt %s --gpfq-annotate-layers="alphabet=mid_tread:7" --gpfq-quantize-weights="calibration=%t.npy recipe=paper threshold=soft lambda=0.3 lambda-unit=radius report=%t.soft.json" -o /dev/null
// RUN: FileCheck %s --check-prefix=SPARSE < %t.soft.json
// RUN: gpfq-opt %s --gpfq-annotate-layers="alphabet=hard_threshold:2:2" --gpfq-quantize-weights="calibration=%t.npy recipe=paper threshold=hard report=%t.hard.json" | FileCheck %s --check-prefix=HARD
// RUN: FileCheck %s --check-prefix=SPARSE < %t.hard.json
// The search for levels keeps to no threshold: recipe=best leaves it out, and it is refused when asked for.
// RUN: gpfq-opt %s --gpfq-annotate-layers="alphabet=mid_tread:7" --gpfq-quantize-weights="calibration=%t.npy threshold=soft lambda=0.3 lambda-unit=radius" -o /dev/null
// RUN: not gpfq-opt %s --gpfq-annotate-layers="alphabet=mid_tread:7" --gpfq-quantize-weights="calibration=%t.npy threshold=soft lambda=0.3 lambda-unit=radius tabu-moves=10" 2>&1 | FileCheck %s --check-prefix=SEARCH
// SEARCH: a tabu search keeps neither to a threshold nor to an accumulator bound
// DENSE: "accumulator_bits": null,
// DENSE: "sparsity": 0{{(.1[0-9]*)?}},
// SPARSE: "sparsity": 0.{{[2-9]}}
// HARD: dense<{{\[\[}}{{.*}}> : tensor<8x2xi8>

// Of 8-bit codes, 12 bits hold sums of products with levels of at most 2047 / 255 in total.
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=4" --gpfq-quantize-activations=calibration=%t.npy --gpfq-quantize-weights="calibration=%t.npy accumulator-bits=12 report=%t.bound.json" | FileCheck %s --check-prefix=BOUNDED
// RUN: FileCheck %s --check-prefix=BITS < %t.bound.json
// BITS: "accumulator_bits": 12,
// BOUNDED: dense<{{\[\[}}5, -1], [0, 2], [-4, 0], [1, 1], [0, 0], [0, 5], [2, 0], [0, -4]]> : tensor<8x2xi8>
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=4" --gpfq-quantize-weights="calibration=%t.npy accumulator-bits=12" 2>&1 | FileCheck %s --check-prefix=FLOAT
// FLOAT: remark: layer 'linear_0' reads float values, so its accumulator is not bounded
func.func @net(%x: tensor<1x8xf32>) -> tensor<1x2xf32> {
  %w = arith.constant dense<[[0.7, -0.09], [0.1, 0.35], [-0.61, 0.15], [0.22, 0.21], [0.05, 0.02], [-0.06, 0.7], [0.4, -0.03], [0.08, -0.5]]> : tensor<8x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x8xf32>, tensor<8x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
