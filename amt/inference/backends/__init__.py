"""Backends that compute posteriors from audio: PyTorch, TorchScript, ONNX Runtime."""
