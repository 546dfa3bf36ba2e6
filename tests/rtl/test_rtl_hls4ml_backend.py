"""StreamRTL as a backend of hls4ml: conversion and writing through hls4ml's own functions."""

from __future__ import annotations

from pathlib import Path

import hls4ml
from hls4ml.backends.backend import register_backend
from hls4ml.writer.writers import register_writer
from models import TINY, random_model

from sqz_hw.decisions import Decisions
from sqz_hw.hls.convert import _config, qkeras_network, require_quantised
from sqz_hw.hls.extension import register as register_layers
from sqz_hw.rtl import hls4ml_backend


def test_hls4ml_writes_verilog(tmp_path: Path) -> None:
    names = [name.lower() for name in hls4ml.backends.get_available_backends()]
    if hls4ml_backend.NAME.lower() not in names:  # this checkout's entry points are not installed
        hls4ml_backend.register(register_backend, register_writer)
    register_layers("Vitis")
    model = random_model(TINY, density=0.4)
    graph = hls4ml.converters.convert_from_keras_model(
        qkeras_network(model),
        output_dir=str(tmp_path / "project"),
        project_name="myproject",
        backend="StreamRTL",
        io_type="io_stream",
        part="xc7z020clg400-1",
        clock_period=10.0,
        hls_config=_config(model, require_quantised(model), Decisions(), True),
    )
    assert graph.config.backend.name == "StreamRTL"
    graph.write()
    rtl = tmp_path / "project" / "rtl"
    assert "sqz_sparse_core" in (rtl / "sqz_network.sv").read_text()
    assert list((rtl / "memory").glob("fire2_expand*.mem"))
    assert not (tmp_path / "project" / "firmware").exists()
