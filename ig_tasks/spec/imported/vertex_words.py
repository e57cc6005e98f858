"""Notes on fields of Vertex AI's ExplanationSpec that have no counterpart in a spec."""

from __future__ import annotations

__all__ = ["ENCODINGS", "ENCODING_NUMBERS", "OF_INPUTS", "OF_METADATA"]

ENCODINGS = {
    "BAG_OF_FEATURES": "describe the columns of indexFeatureMapping as inputs of model.yaml",
    "BAG_OF_FEATURES_SPARSE": "describe the columns of indexFeatureMapping as inputs of model.yaml",
    "INDICATOR": "describe it in model.yaml as an input of kind one_hot",
    "COMBINED_EMBEDDING": "name the embedding layer in model.yaml (inputs.<name>.layer)",
    "CONCAT_EMBEDDING": "name the embedding layer in model.yaml (inputs.<name>.layer)",
}
ENCODING_NUMBERS = dict(
    enumerate(
        (
            "ENCODING_UNSPECIFIED",
            "IDENTITY",
            "BAG_OF_FEATURES",
            "BAG_OF_FEATURES_SPARSE",
            "INDICATOR",
            "COMBINED_EMBEDDING",
            "CONCAT_EMBEDDING",
        )
    )
)
"""What protocol buffers write where enumerations are numbers."""
OF_INPUTS = {
    "inputTensorName": "tensors are matched by the inputs of model.yaml",
    "encodedTensorName": "name the embedding layer in model.yaml (inputs.<name>.layer); `ig-tasks check` finds it",
    "encodedBaselines": "baselines are told in input values, and embedded by the model itself",
    "indexFeatureMapping": "name the columns in model.yaml (inputs.<name>.columns)",
    "featureValueDomain": "nothing is normalised for display; leave it out",
    "visualization": "the report draws images in a grid of its own",
    "denseShapeTensorName": "sparse tensors are not read; give the columns as they are",
    "indicesTensorName": "sparse tensors are not read; give the columns as they are",
}
OF_METADATA = {
    "featureAttributionsSchemaUri": "the format is report.json and the run's Parquet files",
    "latentSpaceSource": "of example-based explanations, which are not made",
}
