"""Small models of many architectures, spelled as exporters spell them, with random weights."""

from zoo.pictures import PICTURES
from zoo.sequences import SEQUENCES

ZOO = PICTURES | SEQUENCES
