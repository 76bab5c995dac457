"""What listens: PyTorch modules, or an exported program in TorchScript or ONNX Runtime."""
