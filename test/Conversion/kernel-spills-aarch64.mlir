// As kernel-spills.mlir, for AArch64: LLVM makes the code on any machine.

// DEFINE: %{attributes} = -mtriple=aarch64-linux-gnu -mattr=+neon,+dotprod
// RUN: %python %S/Inputs/make-kernels.py > %t.mlir
// RUN: gpfq-opt --lowbit-to-llvm=target=aarch64-i8mm %t.mlir | mlir-translate --mlir-to-llvmir \
// RUN:   | sed '/^define/s/\([(,] *\)ptr /\1ptr noalias /g' | opt -O3 %{attributes},+i8mm \
// RUN:   | llc -O3 %{attributes},+i8mm | %python %S/Inputs/check-spills.py
// RUN: gpfq-opt --lowbit-to-llvm=target=aarch64-dotprod %t.mlir | mlir-translate --mlir-to-llvmir \
// RUN:   | sed '/^define/s/\([(,] *\)ptr /\1ptr noalias /g' | opt -O3 %{attributes} \
// RUN:   | llc -O3 %{attributes} | %python %S/Inputs/check-spills.py

// RUN: %python %S/Inputs/make-kernels.py signs > %t.signs.mlir
// RUN: gpfq-opt --lowbit-to-llvm=target=aarch64-i8mm %t.signs.mlir | mlir-translate --mlir-to-llvmir \
// RUN:   | sed '/^define/s/\([(,] *\)ptr /\1ptr noalias /g' | opt -O3 %{attributes},+i8mm \
// RUN:   | llc -O3 %{attributes},+i8mm | %python %S/Inputs/check-spills.py
// RUN: gpfq-opt --lowbit-to-llvm=target=aarch64-dotprod %t.signs.mlir | mlir-translate --mlir-to-llvmir \
// RUN:   | sed '/^define/s/\([(,] *\)ptr /\1ptr noalias /g' | opt -O3 %{attributes} \
// RUN:   | llc -O3 %{attributes} | %python %S/Inputs/check-spills.py
