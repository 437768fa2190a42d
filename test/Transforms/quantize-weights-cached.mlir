// Moments are kept for another run on the same model and data.

// RUN: %python %S/../Inputs/make_npy.py %t.npy 64x4
// RUN: %python %S/../Inputs/make_npy.py %t.other.npy 65x4
// RUN: rm -rf %t.float %t.quantized %t.allocation

// With float inputs another run needs no data, at any bits and with any method: the levels are those without a cache.
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy inputs=float clip-rounds=0 cache=%t.float report=%t.json" -o %t.2
// RUN: FileCheck %s --check-prefix=NONE < %t.json
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=3 --gpfq-quantize-weights="calibration=%t.npy inputs=float clip-rounds=0 cache=%t.float report=%t.json" -o %t.3
// RUN: FileCheck %s --check-prefix=ALL < %t.json
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy inputs=float clip-rounds=0" | diff - %t.2
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=3 --gpfq-quantize-weights="calibration=%t.npy inputs=float clip-rounds=0" | diff - %t.3
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=3 --gpfq-quantize-weights="calibration=%t.npy inputs=float recipe=paper cache=%t.float report=%t.json" -o %t.paper
// RUN: FileCheck %s --check-prefix=ALL < %t.json
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=3 --gpfq-quantize-weights="calibration=%t.npy inputs=float recipe=paper" | diff - %t.paper
// Rows for a ReLU come from the data again, moments do not.
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=3 --gpfq-quantize-weights="calibration=%t.npy inputs=float cache=%t.float report=%t.json" -o %t.clipped
// RUN: FileCheck %s --check-prefix=ALL < %t.json
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=3 --gpfq-quantize-weights="calibration=%t.npy inputs=float" | diff - %t.clipped

// With quantised inputs those of the first layer, which depend on nothing, and all where nothing is different.
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy residual-targets=false cache=%t.quantized report=%t.json" -o %t.q2
// RUN: FileCheck %s --check-prefix=NONE < %t.json
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy residual-targets=false cache=%t.quantized report=%t.json" | diff - %t.q2
// RUN: FileCheck %s --check-prefix=ALL < %t.json
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=3 --gpfq-quantize-weights="calibration=%t.npy residual-targets=false cache=%t.quantized report=%t.json" -o %t.q3
// RUN: FileCheck %s --check-prefix=ONE < %t.json
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=3 --gpfq-quantize-weights="calibration=%t.npy residual-targets=false" | diff - %t.q3

// Other data, other rows and another model are refused.
// RUN: not gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.other.npy inputs=float cache=%t.float" 2>&1 | FileCheck %s --check-prefix=REFUSED
// RUN: not gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy inputs=float max-rows=8 cache=%t.float" 2>&1 | FileCheck %s --check-prefix=REFUSED
// RUN: sed 's/0.7, -0.2/0.7, -0.3/' %s > %t.model.mlir
// RUN: not gpfq-opt %t.model.mlir --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy inputs=float cache=%t.float" 2>&1 | FileCheck %s --check-prefix=REFUSED
// REFUSED: error: moment cache '{{.*}}' belongs to another model, other data or other options; name another directory or delete this one

// RUN: gpfq-opt %s --gpfq-annotate-layers --gpfq-allocate-bits="calibration=%t.npy average-bits=3 cache=%t.allocation report=%t.json" -o %t.a3
// RUN: FileCheck %s --check-prefix=NO-UNIT < %t.json
// RUN: gpfq-opt %s --gpfq-annotate-layers --gpfq-allocate-bits="calibration=%t.npy average-bits=5 candidates=3,8 cache=%t.allocation report=%t.json" -o %t.a5
// RUN: FileCheck %s --check-prefix=ALL-UNITS < %t.json
// RUN: gpfq-opt %s --gpfq-annotate-layers --gpfq-allocate-bits="calibration=%t.npy average-bits=5 candidates=3,8" | diff - %t.a5

// NONE-COUNT-2: "cached": false
// ONE: "cached": true
// ONE: "cached": false
// ALL-COUNT-2: "cached": true
// NO-UNIT: "cached": 0
// ALL-UNITS: "cached": 2
#map = affine_map<(d0, d1) -> (d0, d1)>
func.func @net(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %w0 = arith.constant dense<[[0.7, -0.2, 0.3, 0.1], [0.1, 0.5, -0.4, 0.6], [-0.6, 0.3, 0.2, -0.1], [0.2, 0.4, 0.1, 0.5]]> : tensor<4x4xf32>
  %w1 = arith.constant dense<[[0.3, -0.5, 0.2, 0.4], [-0.1, 0.2, 0.6, -0.3], [0.5, 0.1, -0.2, 0.2], [0.4, -0.6, 0.3, 0.1]]> : tensor<4x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  %y0 = linalg.matmul ins(%x, %w0 : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  %r = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%y0 : tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4xf32>
  %y1 = linalg.matmul ins(%r, %w1 : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  %s = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%y1, %r : tensor<1x4xf32>, tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.addf %a, %b : f32
    %m = arith.maximumf %t, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4xf32>
  return %s : tensor<1x4xf32>
}
