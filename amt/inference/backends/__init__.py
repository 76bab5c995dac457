"""Backends that compute posteriors: PyTorch, TorchScript, ONNX Runtime."""
