"""PyTorch for the engine. Loaded only when the model to explain is a torch.nn.Module."""
