"""Cases of the rules in passes/rules/recurrent.py."""

from cases import Case

CASES = (
    Case(
        "unroll-gru",
        ("y, h = GRU<hidden_size = 2, linear_before_reset = 1>(x, gru_w, gru_r, gru_b)"),
        x="float[2,1,3]",
    ),
    Case(
        "unroll-gru",
        ('y, h = RNN<hidden_size = 2, direction = "reverse">(x, rnn_w, rnn_r, , steps1)'),
        x="float[2,1,3]",
    ),
    Case(
        "unroll-lstm",
        ("y, h, c = LSTM<hidden_size = 2>(x, lstm_w, lstm_r, lstm_b)"),
        x="float[2,1,3]",
    ),
    Case(
        "unroll-gru",
        "y, h = RNN<hidden_size = 2>(x, rnn_w, rnn_r)",
        "more than 10000 operators",
        x="float[9000,1,3]",
    ),
    Case(
        "unroll-gru",
        "y, h = RNN<hidden_size = 2>(x, rnn_w, rnn_r, , no_steps)",
        "has no steps",
        x="float[4,1,3]",
    ),
)
