"""Engines that run a model's network: TensorFlow, LiteRT and ONNX Runtime behind one interface."""
