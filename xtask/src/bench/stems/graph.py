"""The two networks of a checkpoint of Spleeter as one ONNX graph: graph.py DIR FILE."""
import os
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import onnx
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

numbers = tf.train.load_checkpoint(f"{sys.argv[1]}/model").get_tensor
nodes, constants = [], []
SAME = dict(kernel_shape=[5, 5], strides=[2, 2], pads=[1, 1, 2, 2], dilations=[1, 1])


def constant(value):
    constants.append(numpy_helper.from_array(np.ascontiguousarray(value), f"constant_{len(constants)}"))
    return constants[-1].name


def operator(kind, inputs, **attributes):
    nodes.append(helper.make_node(kind, inputs, [f"value_{len(nodes)}"], **attributes))
    return nodes[-1].output[0]


def name(kind, number):
    return f"{kind}_{number}" if number else kind


def weighted(kind, layer, value, **attributes):
    kernel = numbers(f"{layer}/kernel").transpose(3, 2, 0, 1)
    return operator(kind, [value, constant(kernel), constant(numbers(f"{layer}/bias"))], **attributes)


def normal(number, value):
    parts = [constant(numbers(f"{name('batch_normalization', number)}/{part}")) for part in
             ("gamma", "beta", "moving_mean", "moving_variance")]
    return operator("BatchNormalization", [value, *parts], epsilon=1e-3)


def network(number, output):
    down, value = [], "mix"
    for layer in range(6):
        down.append(weighted("Conv", name("conv2d", 7 * number + layer), value, **SAME))
        if layer < 5:
            value = operator("LeakyRelu", [normal(12 * number + layer, down[-1])], alpha=.2)
    value = down[5]
    for layer in range(6):
        value = weighted("ConvTranspose", name("conv2d_transpose", 6 * number + layer), value, **SAME)
        value = normal(12 * number + 6 + layer, operator("Relu", [value]))
        if layer < 5:
            value = operator("Concat", [down[4 - layer], value], axis=1)
    value = weighted("Conv", name("conv2d", 7 * number + 6), value, kernel_shape=[4, 4], strides=[1, 1], pads=[3] * 4, dilations=[2, 2])
    nodes.append(helper.make_node("Mul", [operator("Sigmoid", [value]), "mix"], [output]))


network(0, "vocals")
network(1, "accompaniment")
tensor = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 512, 1024])
graph = helper.make_graph(nodes, "networks", [tensor("mix")], [tensor("vocals"), tensor("accompaniment")], constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 8
onnx.save(model, sys.argv[2])
