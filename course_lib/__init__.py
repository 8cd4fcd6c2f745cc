"""The reference library of "From word2vec to GPT": every model of the course once more, short, tested and fast."""

__version__ = "0.1.0"
