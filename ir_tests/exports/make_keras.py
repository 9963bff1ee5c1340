"""Export three small Keras networks with tf2onnx: `python make_keras.py` in this folder.

Made with tensorflow-cpu 2.21.0, keras 3.15.1 and tf2onnx 1.17.0. `expected` is what Keras computes.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from keras import layers

HERE = Path(__file__).parent
OPSET = 17


def cnn() -> keras.Model:
    """Stem, depthwise block with squeeze and excitation, residual, 10 classes; NHWC as always."""
    image = keras.Input((32, 32, 3), name="image")
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(image)
    x = skip = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.Activation("hard_swish")(layers.BatchNormalization()(x))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(16, 1, activation="hard_sigmoid")(
        layers.Conv2D(4, 1, activation="relu")(gate)
    )
    x = layers.Add()([layers.Conv2D(16, 1)(layers.Multiply()([x, gate])), skip])
    x = layers.MaxPooling2D(padding="same")(x)
    return keras.Model(image, layers.Dense(10, name="scores")(layers.Flatten()(x)))


def lstm() -> keras.Model:
    """A convolution over time, an LSTM and a classifier per frame."""
    frames = keras.Input((12, 16), name="frames")
    x = layers.Conv1D(24, 3, padding="causal", activation="relu")(frames)
    x = layers.LSTM(24, return_sequences=True)(x)
    return keras.Model(frames, layers.Dense(4, activation="softmax", name="scores")(x))


def gru() -> keras.Model:
    """A GRU that keeps its last state; unrolled, or tf2onnx leaves a Loop."""
    frames = keras.Input((8, 16), name="frames")
    x = layers.GRU(24, unroll=True)(frames)
    return keras.Model(frames, layers.Dense(4, activation="softmax", name="scores")(x))


def randomize(model: keras.Model) -> None:
    """Give every variable a value that matters; variances stay positive."""
    random = np.random.default_rng(0)
    for variable in model.variables:
        value = random.normal(0, 0.3, variable.shape)
        positive = "variance" in variable.path or "gamma" in variable.path
        variable.assign(np.abs(value) + 0.5 if positive else value)


def export(name: str, model: keras.Model, batch: int | None, nchw: bool = False) -> None:
    """Write NAME.onnx and NAME.npz."""
    randomize(model)
    tensor = model.inputs[0]
    feed = tensor.name
    signature = (tf.TensorSpec((batch, *tensor.shape[1:]), tf.float32, name=feed),)
    proto, _ = tf2onnx.convert.from_keras(
        model, signature, opset=OPSET, inputs_as_nchw=[feed] if nchw else None
    )
    (HERE / f"{name}.onnx").write_bytes(proto.SerializeToString())
    x = np.random.default_rng(1).normal(size=(1, *tensor.shape[1:])).astype(np.float32)
    expected = model(x).numpy()
    stored = np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if nchw else x
    np.savez_compressed(HERE / f"{name}.npz", **{feed: stored}, expected=expected)


def main() -> None:
    keras.utils.set_random_seed(0)
    export("keras_cnn_nhwc", cnn(), batch=1)
    export("keras_cnn_nchw", cnn(), batch=1, nchw=True)
    export("keras_lstm", lstm(), batch=None)
    export("keras_gru_unrolled", gru(), batch=1)


if __name__ == "__main__":
    main()
