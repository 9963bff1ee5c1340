"""Cases of the rules in passes/rules/recurrent.py."""

from cases import Case

CASES = (
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
