"""Pictures per second through a backbone, beside ONNX Runtime."""
