"""Cosines and sines of rotary positions that cases name."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array

ANGLES = np.outer(np.arange(5), [1.0, 0.1, 0.01]).astype(np.float32)
ROTATIONS: dict[str, Array] = {
    "rc": np.cos(ANGLES[None, :, :2]),
    "rs": np.sin(ANGLES[None, :, :2]),
    "cosine": np.cos(np.concatenate([ANGLES, ANGLES], -1)),
    "sine": np.sin(np.concatenate([ANGLES, ANGLES], -1)),
    "cosine3": np.cos(ANGLES),
    "sine3": np.sin(ANGLES),
    "lopsided": np.cos(np.concatenate([ANGLES, ANGLES + 1], -1)).astype(np.float32),
    "cosinet": np.cos(np.concatenate([ANGLES, ANGLES], -1))[:, None],
    "sinet": np.sin(np.concatenate([ANGLES, ANGLES], -1))[:, None],
    "pairwise": np.repeat(np.cos(ANGLES), 2, -1),
    "pairsine": np.repeat(np.sin(ANGLES), 2, -1),
    "cosine31": np.cos(ANGLES)[..., None],
    "sine31": np.sin(ANGLES)[..., None],
    "opposite": np.concatenate([-np.sin(ANGLES), np.sin(ANGLES)], -1),
    "opposite4": np.concatenate([-np.sin(ANGLES), np.sin(ANGLES)], -1)[None, None],
    "cosine2": np.cos(ANGLES[:, :2]),
    "sine2": np.sin(ANGLES[:, :2]),
    "batched2": np.repeat(np.cos(ANGLES[None, :, :2]), 1, 0),
    "rc3": np.cos(ANGLES[None]),
    "rs3": np.sin(ANGLES[None]),
}
