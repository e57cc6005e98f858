"""Keras on TensorFlow for the engine. Loaded only when the model to explain is a keras.Model."""

from ig_tasks.import_order import triton_first

triton_first()
