# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
"""lit configuration: .mlir files and C programs below this folder are tests."""

import os
import platform
import shutil

import lit.formats
from lit.llvm import llvm_config

config.name = "gpfq"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir", ".c"]
config.excludes = ["data", "integration", "python", "unit", "Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.gpfq_obj_root, "test")
config.substitutions.append(("%data", os.path.join(config.test_source_root, "data")))
config.substitutions.append(("%python", "python3"))

# Runs @main of a module of upstream ops on tensors, from standard input, lowered by upstream passes alone.
run_pipeline = (
    "builtin.module(func.func(convert-elementwise-to-linalg),one-shot-bufferize{bufferize-function-boundaries=1"
    " function-boundary-type-conversion=identity-layout-map},buffer-deallocation-pipeline,"
    "convert-bufferization-to-memref,func.func(convert-linalg-to-loops),expand-strided-metadata,lower-affine,"
    "convert-scf-to-cf,convert-math-to-llvm,convert-arith-to-llvm,finalize-memref-to-llvm,"
    "convert-func-to-llvm,convert-cf-to-llvm,reconcile-unrealized-casts)"
)
run_libraries = ",".join(
    os.path.join(config.llvm_tools_dir, "..", "lib", f"libmlir_{name}.so")
    for name in ("runner_utils", "c_runner_utils")
)
config.substitutions.append(
    (
        "%run-main",
        f"gpfq-opt --pass-pipeline='{run_pipeline}' | mlir-runner -e main -entry-point-result=void -O1"
        f" -shared-libs={run_libraries}",
    )
)
config.substitutions.append(("%clang", os.path.join(config.llvm_tools_dir, "clang")))
config.substitutions.append(("%gpfq_include", os.path.join(config.gpfq_src_root, "include")))
config.substitutions.append(("%mlir_include", os.path.join(config.llvm_tools_dir, "..", "include")))
config.substitutions.append(("%gpfq_libs", os.path.join(config.gpfq_obj_root, "lib")))
config.substitutions.append(("%gpfq_plugin", os.path.join(config.gpfq_obj_root, "lib", "libGPFQPlugin.so")))

# What compiles and runs programs for AArch64; Debian's gcc-aarch64-linux-gnu and qemu-user.
aarch64_compiler = shutil.which(os.environ.get("GPFQ_AARCH64_CC", "aarch64-linux-gnu-gcc"))
aarch64_emulator = shutil.which(os.environ.get("GPFQ_AARCH64_RUN", "qemu-aarch64"))
if aarch64_compiler and aarch64_emulator:
    config.available_features.add("aarch64-emulator")
    config.substitutions.append(("%aarch64-cc", aarch64_compiler))
    config.substitutions.append(("%aarch64-run", aarch64_emulator))
if shutil.which("qemu-x86_64"):
    config.available_features.add("x86-emulator")
if platform.machine() == "x86_64":
    config.available_features.add("x86-host")

# Programs that are not instrumented cannot load libraries that are.
if config.gpfq_sanitize:
    config.available_features.add("sanitizers")

llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.gpfq_tools_dir, append_path=True)
llvm_config.use_default_substitutions()
