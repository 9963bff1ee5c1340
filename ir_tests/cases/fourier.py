"""Cases of the rules in passes/rules/fourier.py."""

from cases import Case

CASES = (
    Case("dft", "y = DFT<onesided = 1>(x, , place1)", x="float[1,6,1]"),
    Case("dft", "y = DFT(x, place4, place1)", x="float[1,6,2]"),
    Case("stft", "y = STFT<onesided = 1>(x, place2, hann4, place4)", x="float[1,9,1]"),
    Case("dft", "y = DFT(x, , place2)", "real and imaginary parts", x="float[1,4,2]"),
    Case("dft", "y = DFT<inverse = 1>(x, , place1)", "the model's output", x="float[1,4,2]"),
    Case("dft", "a = DFT<inverse = 1>(x, , place1) y = Abs(a)", x="float[1,6,2]"),
    Case("dft", "a = DFT<inverse = 1>(x, place4, place1) y = Abs(a)", x="float[1,6,2]"),
    Case("dft", "a = DFT<inverse = 1>(x, place6, place1) y = Abs(a)", x="float[1,4,1]"),
    Case("dft", "y = DFT(x, , place1)", "its matrix would have", x="float[1,4096,1]"),
    Case(
        "dft", "n = Squeeze(z) y = DFT(x, n, place1)", "is computed", x="float[1,4,1]", z="int64[1]"
    ),
    Case("stft", "y = STFT(x, place2)", "neither its window", x="float[1,64,1]"),
    Case("stft", "y = STFT(x, place2, g5, place4)", "window has 5 points", x="float[1,64,1]"),
    Case("stft", "y = STFT(x, place2, , place4096)", "its kernel would have", x="float[1,8192,1]"),
    Case(
        "inverse-of-half",
        "y = DFT<inverse = 1, onesided = 1>(x, place6, place1)",
        x="float[2,4,2]",
        y="float[2,6,1]",
    ),
    Case(
        "inverse-of-half",
        "y = DFT<inverse = 1, onesided = 1>(x, place6, place1)",
        "the bins of a complex spectrum",
        x="float[2,4,1]",
        y="float[2,6,1]",
    ),
    Case(
        "inverse-of-half",
        "y = DFT<inverse = 1, onesided = 1>(x, place4, place1)",
        "are no half of 4",
        x="float[2,4,2]",
        y="float[2,4,1]",
    ),
    Case(
        "inverse-of-half",
        "y = DFT<inverse = 1, onesided = 1>(x, place4096, place1)",
        "its matrix would have",
        x="float[1,2049,2]",
        y="float[1,4096,1]",
    ),
    Case(
        "inverse-of-half",
        "y = DFT<inverse = 1, onesided = 1>(x, , place1)",
        x="float[2,4,2]",
        y="float[2,6,1]",
    ),
)
