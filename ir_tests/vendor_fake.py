"""A stand-in for Qualcomm's tool: it takes the same arguments and prints lines of the same form.

FAKE_VENDOR says how it behaves: compiles, refuses, selects, crashes, hangs or babbles.
"""

import os
import signal
import sys
import time
from pathlib import Path

REFUSAL = """QNN op validation failed: 'Relu_0' (type=Relu)
  inputs:
    [0] name="x" dtype=QNN_DATATYPE_FLOAT_32 dims=[1,4] (no quantization)
LiteRT Op #0 'Add' (code=0) is not supported in Qualcomm Compiler.
"""


def main() -> int:
    given = dict(a.lstrip("-").split("=", 1) for a in sys.argv[1:] if "=" in a)
    how = os.environ["FAKE_VENDOR"]
    if how == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "hangs":
        time.sleep(60)
    if how == "babbles":
        print("error while loading shared libraries", file=sys.stderr)
        return 127
    total = 2
    taken = total - 1 if how == "refuses" else total
    if how == "refuses":
        print(REFUSAL, file=sys.stderr)
    print(f"selected {taken} ops, from a total of {total} ops. resulted in 1 partitions.")
    if how == "selects":
        print("0.0ms [ ERROR ] <E> graph prepare failed 12")
        return 1
    print("Serialized a context bin of size (bytes): 4096", file=sys.stderr)
    Path(given["o"]).write_text(given["soc_model"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
