"""Notes on fields of Clarify's analysis configuration that have no counterpart in a spec."""

from __future__ import annotations

__all__ = ["OF_CONFIGURATION", "OF_METHODS", "OF_PREDICTOR", "OF_SHAP"]

_NO_BIAS = "bias metrics are not computed"
_NO_SERVER = "no endpoint is called; the model is the package in model.uri"
_NO_FORECAST = "time series are inputs of kind series in model.yaml; forecasts have no section of their own"

OF_CONFIGURATION = {
    "features": "the model's columns are named in model.yaml (inputs.<name>.columns)",
    "predicted_label": f"{_NO_BIAS}; stored outputs are compared with the model's own as data.prediction",
    "label_values_or_threshold": f"{_NO_BIAS}; what counts as an outcome follows from the target in model.yaml",
    "probability_threshold": "with reason codes, the threshold of a decision is reasons.threshold",
    "facet": f"{_NO_BIAS}; importance by the levels of a column is data.segments",
    "facet_dataset_uri": f"{_NO_BIAS}; a segment is a column of the data itself",
    "facet_headers": f"{_NO_BIAS}; a segment is a column of the data itself",
    "predicted_label_dataset_uri": f"{_NO_BIAS}; stored outputs are a column of the data (data.prediction)",
    "predicted_label_headers": f"{_NO_BIAS}; stored outputs are a column of the data (data.prediction)",
    "excluded_columns": "columns that model.yaml does not name are not read",
    "group_variable": f"{_NO_BIAS}",
    "time_series_data_config": _NO_FORECAST,
}
OF_METHODS = {
    "pre_training_bias": _NO_BIAS,
    "post_training_bias": _NO_BIAS,
    "pdp": "partial dependence is not computed; the report draws how the attributions of the leading features depend "
    "on their values",
    "asymmetric_shapley_value": _NO_FORECAST,
}
OF_SHAP = {
    "num_samples": "nothing is sampled: each path is integrated to attribution.tolerance",
    "text_config": "words are the features of an input of tokens, which model.yaml describes",
    "image_config": "cells of a grid are the features of an input of kind image, which model.yaml describes",
    "features_to_explain": "every feature is explained; a row's attributions are complete only together",
}
OF_PREDICTOR = {
    "model_name": _NO_SERVER,
    "endpoint_name": _NO_SERVER,
    "endpoint_name_prefix": _NO_SERVER,
    "target_model": _NO_SERVER,
    "instance_type": f"{_NO_SERVER}; workers are sized in compute",
    "initial_instance_count": f"{_NO_SERVER}; workers are sized in compute",
    "accelerator_type": f"{_NO_SERVER}; a GPU per worker is compute.resources: {{GPU: 1}}",
    "content_type": _NO_SERVER,
    "accept_type": _NO_SERVER,
    "content_template": _NO_SERVER,
    "record_template": _NO_SERVER,
    "custom_attributes": _NO_SERVER,
    "label": "the output is chosen in model.yaml (targets.<name>.output)",
    "probability": "the output is chosen in model.yaml (targets.<name>.output)",
    "forecast": _NO_FORECAST,
}
