# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
"""lit configuration: .mlir files below this folder are tests."""

import os

import lit.formats
from lit.llvm import llvm_config

config.name = "gpfq"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir"]
config.excludes = ["data", "integration", "python", "unit", "Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.gpfq_obj_root, "test")
config.substitutions.append(("%data", os.path.join(config.test_source_root, "data")))
config.substitutions.append(("%python", "python3"))
config.substitutions.append(("%clang", os.path.join(config.llvm_tools_dir, "clang")))
config.substitutions.append(("%gpfq_include", os.path.join(config.gpfq_src_root, "include")))

llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.gpfq_tools_dir, append_path=True)
llvm_config.use_default_substitutions()
