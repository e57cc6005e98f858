"""Keras on TensorFlow for the engine. Loaded only when the model to explain is a keras.Model."""
