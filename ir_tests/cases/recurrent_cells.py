"""Cases of the rules in passes/rules/recurrent_cells.py."""

from cases import Case

CASES = (
    Case(
        "unroll-gru",
        'y, h = RNN<hidden_size = 2, activations = ["Cosh"]>(x, rnn_w, rnn_r)',
        "not one of the standard's",
        x="float[4,1,3]",
    ),
    Case(
        "unroll-lstm",
        'y, h, c = LSTM<hidden_size = 2, activations = ["Sigmoid", "Cosh", "Tanh"]>'
        "(x, lstm_w, lstm_r)",
        "not one of the standard's",
        x="float[4,1,3]",
    ),
)
