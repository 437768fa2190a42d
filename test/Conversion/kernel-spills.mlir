// Inner loops of the tiles, at every width of weights, keep their vectors in registers. Pointers are marked as the
// compiler marks them.

// RUN: %python %S/Inputs/make-kernels.py | gpfq-opt --lowbit-to-llvm=target=avx512vnni | mlir-translate --mlir-to-llvmir \
// RUN:   | sed '/^define/s/\([(,] *\)ptr /\1ptr noalias /g' | opt -O3 -mcpu=x86-64-v4 -mattr=+avx512vnni \
// RUN:   | llc -O3 -mcpu=x86-64-v4 -mattr=+avx512vnni | %python %S/Inputs/check-spills.py

// RUN: %python %S/Inputs/make-kernels.py signs | gpfq-opt --lowbit-to-llvm=target=avx512vpopcntdq \
// RUN:   | mlir-translate --mlir-to-llvmir | sed '/^define/s/\([(,] *\)ptr /\1ptr noalias /g' \
// RUN:   | opt -O3 -mcpu=x86-64-v4 -mattr=+avx512vnni,+avx512vpopcntdq \
// RUN:   | llc -O3 -mcpu=x86-64-v4 -mattr=+avx512vnni,+avx512vpopcntdq | %python %S/Inputs/check-spills.py

// RUN: %python %S/Inputs/make-kernels.py paired | gpfq-opt --lowbit-to-llvm=target=znver4 \
// RUN:   | mlir-translate --mlir-to-llvmir | sed '/^define/s/\([(,] *\)ptr /\1ptr noalias /g' \
// RUN:   | opt -O3 -mcpu=x86-64-v4 -mattr=+avx512vnni,+avx512vpopcntdq \
// RUN:   | llc -O3 -mcpu=x86-64-v4 -mattr=+avx512vnni,+avx512vpopcntdq | %python %S/Inputs/check-spills.py
