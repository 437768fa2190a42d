# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The HTML page of a report."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from conftest import DIGITS, compile_network, fail_command, gpfq_command

import gpfq

pytest.importorskip("jinja2")
VOID = {"meta", "br", "img", "link", "input"}


class Page(HTMLParser):
    """Checks that elements are closed in order; collects tags and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 4 bits, and of 3."""
    folder = tmp_path_factory.mktemp("reports")
    for bits in (4, 3):
        result = compile_network(
            DIGITS / "digits.mlir",
            f"--calibration={DIGITS / 'calib.npy'}",
            f"--weight-bits={bits}",
            f"--report={folder / f'{bits}.json'}",
            "-o",
            folder / "libdigits.so",
        )
        assert result.returncode == 0, result.stderr
    return folder


def test_page(reports: Path, tmp_path: Path) -> None:
    text = gpfq.write_report(reports / "4.json", tmp_path / "page.html", title="4 < 5 & more").read_text()
    page = Page(text)
    assert "4 < 5 & more" in page.text
    layers = json.loads((reports / "4.json").read_text())["layers"]
    for layer in layers:
        assert layer["name"] in page.text
        assert f"{100 * layer['held_out_error']:.2f} %" in page.text
    activations = json.loads((reports / "4.json").read_text())["activations"]
    assert len(activations) == len(layers)
    assert sum(tag == "svg" for tag, _ in page.tags) == len(layers) + len(activations)
    titles = re.findall(r"level (-?\d+): ([\d,]+) weights", text)
    counts = [layer["level_counts"] for layer in layers]
    expected = [(str(level), f"{n:,}") for c in counts for level, n in zip(c["levels"], c["counts"], strict=True)]
    assert titles == expected
    loads = [attributes for tag, attributes in page.tags if tag in ("script", "link", "img", "iframe")]
    assert loads == [], "one page, no other files"
    assert "http" not in text


def test_histograms_count_all_weights(reports: Path) -> None:
    for layer in json.loads((reports / "4.json").read_text())["layers"]:
        size = layer["shape"][0] * layer["shape"][1] * layer["shape"][2] * layer["shape"][3]
        assert sum(layer["level_counts"]["counts"]) == size
        assert sum(layer["weight_histogram"]["counts"]) == size
        zeros = dict(zip(layer["level_counts"]["levels"], layer["level_counts"]["counts"], strict=True))[0]
        assert zeros / size == pytest.approx(layer["sparsity"])


def test_activations(reports: Path, tmp_path: Path) -> None:
    """Against the calibration data themselves, which are the input of the first layer."""
    report = json.loads((reports / "4.json").read_text())
    entry = report["activations"][0]
    data = np.load(DIGITS / "calib.npy")
    scale, zero = entry["scale"], entry["zero_point"]
    assert entry["layers"] == [report["layers"][0]["name"]]
    assert (entry["values"]["low"], entry["values"]["high"]) == (min(data.min(), 0), pytest.approx(data.max()))
    codes = np.clip(np.rint(data / scale) + zero, 0, 255)
    error = np.linalg.norm((codes - zero) * scale - data) / np.linalg.norm(data)
    # Of every seventh value, by a histogram.
    assert entry["error"] == pytest.approx(error, rel=0.25)
    assert entry["clipped"] == 0
    expected = np.bincount(codes.astype(int).ravel(), minlength=256) / data.size
    # Pixels have 17 values; where one is between two codes, the histogram does not tell which.
    got = np.cumsum(entry["codes"])[7::16] / sum(entry["codes"])
    assert got == pytest.approx(np.cumsum(expected)[7::16], abs=0.02)
    assert sum(entry["values"]["counts"]) == pytest.approx(sum(entry["codes"]))
    page = gpfq.write_report(reports / "4.json", tmp_path / "page.html").read_text()
    assert f"{100 * entry['error']:.2f} %" in page


def test_latency(reports: Path, tmp_path: Path) -> None:
    report = json.loads((reports / "4.json").read_text())
    names = [layer["name"] for layer in report["layers"]]
    layers = [{"name": name, "microseconds": 1.25 + i, "share": 0.1} for i, name in enumerate(names)]
    layers.append({"name": "(other)", "microseconds": 77.5, "share": 0.4})
    times = {"median": 99.0, "cpu": "a <CPU>", "target": "avx2", "layers": layers}
    (tmp_path / "times.json").write_text(json.dumps(times))
    arguments = ["report", reports / "4.json", "-o", "p.html", "--latency"]
    result = gpfq_command(*arguments, "times.json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    text = Page((tmp_path / "p.html").read_text()).text
    for layer in layers:
        assert f"{layer['microseconds']:.2f}" in text
    assert "a <CPU>" in text
    for compiled in report["compiled_layers"]:
        assert f"{compiled['weight_bytes']:,}" in text

    (tmp_path / "p.html").unlink()
    (tmp_path / "other.json").write_text(json.dumps(times | {"layers": layers[-1:]}))
    (tmp_path / "bad.json").write_text("{}")
    fail_command("has none of the layers of 4.json", *arguments, "other.json", cwd=tmp_path)
    fail_command("not what gpfq bench --layers --json prints", *arguments, "bad.json", cwd=tmp_path)
    fail_command("absent.json: no such file", *arguments, "absent.json", cwd=tmp_path)


def test_comparison(reports: Path, tmp_path: Path) -> None:
    result = gpfq_command("report", reports / "4.json", "--compare", reports / "3.json", "-o", "p.html", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    page = Page((tmp_path / "p.html").read_text())
    for layer in json.loads((reports / "3.json").read_text())["layers"]:
        assert f"{100 * layer['held_out_error']:.2f} %" in page.text


def test_layers_without_errors(reports: Path, tmp_path: Path) -> None:
    """As msq without data, or older reports, have it."""
    report = json.loads((reports / "4.json").read_text())
    for layer in report["layers"]:
        layer |= {"held_out_error": None, "in_sample_error": None, "weight_histogram": None, "name": "<b>"}
    del report["totals"]
    (tmp_path / "r.json").write_text(json.dumps(report))
    page = Page(gpfq.write_report(tmp_path / "r.json", tmp_path / "page.html").read_text())
    assert page.text.count("The report has no histogram of this layer.") == len(report["layers"])
    assert not any(tag == "b" and "<b>" in attributes for tag, attributes in page.tags)


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        (None, "r.json: no such file"),
        ("{", "r.json: not a JSON file"),
        ("[]", "r.json: not a report"),
        ('{"version": 2, "layers": []}', "r.json: not a report"),
        ('{"version": 1, "layers": [{"name": "a"}]}', "a layer has no alphabet, bits"),
        ("\x00\xff", "r.json: not a JSON file"),
    ],
)
def test_files_that_are_no_reports(tmp_path: Path, content: str | None, pattern: str) -> None:
    if content is not None:
        (tmp_path / "r.json").write_bytes(content.encode("latin-1"))
    fail_command(pattern, "report", "r.json", "-o", "p.html", cwd=tmp_path)
