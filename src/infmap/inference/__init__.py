"""Prediction without torch: runtimes, quality gate, post-processing, severity, batches."""

from infmap.inference.batch import predict_many
from infmap.inference.manifest import (
    Manifest,
    Thresholds,
    read_deployable,
    read_manifest,
    write_manifest,
)
from infmap.inference.predictor import Predictor
from infmap.inference.preprocess import Preprocessing
from infmap.inference.runtimes import RUNTIMES, open_runtime

__all__ = [
    "RUNTIMES",
    "Manifest",
    "Predictor",
    "Preprocessing",
    "Thresholds",
    "open_runtime",
    "predict_many",
    "read_deployable",
    "read_manifest",
    "write_manifest",
]
