"""How good a model was where outcomes are known: figures with errors, calibration, what each feature adds."""
