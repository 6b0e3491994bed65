"""ONNX files with weights in 8 bits: a quarter of the size, computed with in float32 all the same.

A weight of a convolution is stored as int8 with a scale for each output channel. The graph begins by multiplying them
(DequantizeLinear), which a runtime does once, when it loads the file, if it is told `CONSTANT_FOLDING`.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

OUTPUT_AXIS = {"Conv": 0, "ConvTranspose": 1}  # operator -> the axis of its weight that counts output channels
CONSTANT_FOLDING = ("session.disable_quant_qdq", "1")  # ONNX Runtime's session option: weights back to float32 once


def in_eight_bits(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """A copy of a graph whose convolutions' weights are stored in 8 bits; the rest stays float32."""
    import onnx
    from onnx import helper, numpy_helper

    small = onnx.ModelProto()
    small.CopyFrom(model)
    graph = small.graph
    axes = {node.input[1]: OUTPUT_AXIS[node.op_type] for node in graph.node if node.op_type in OUTPUT_AXIS}
    stored = [tensor for tensor in graph.initializer if tensor.name in axes]
    for tensor in stored:
        name, axis = tensor.name, axes[tensor.name]
        levels, scale = quantized(numpy_helper.to_array(tensor), axis=axis)
        graph.initializer.remove(tensor)
        parts = [f"{name}.int8", f"{name}.scale"]
        graph.initializer.append(numpy_helper.from_array(levels, parts[0]))
        graph.initializer.append(numpy_helper.from_array(scale, parts[1]))
        graph.node.insert(0, helper.make_node("DequantizeLinear", parts, [name], axis=axis))
    return small


def quantized(weight: NDArray[np.float32], *, axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Levels in [-127, 127] of the weight's shape, and the value of a level along `axis`."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    largest = np.abs(weight).max(axis=others, keepdims=True)
    scale = (np.where(largest > 0, largest, 1) / 127).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale.ravel()
