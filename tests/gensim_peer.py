"""Word vectors for the tests of KeyedVectors, its scores and its files: random ones, and the same in gensim."""

import re
from pathlib import Path

import gensim
import numpy as np
from gensim.test.utils import datapath

from course_lib.keyed_vectors import KeyedVectors

WORDSIM, ANALOGIES = datapath("wordsim353.tsv"), datapath("questions-words.txt")


def lines(path):
    return Path(path).read_text(encoding="utf-8").splitlines()


def random_vectors(num_words=500, size=12, seed=0):
    """Words of the evaluation sets in three spellings, with random vectors."""
    words = {}
    for line in lines(ANALOGIES)[1:num_words]:
        for word in line.split():
            words.update({word: 0, word.lower(): 0})
    for line in lines(WORDSIM):
        words.update(dict.fromkeys(line.split("\t")[:2], 0))
    words = [word for word in words if " " not in word and not word.startswith(("#", ":"))]
    return KeyedVectors(words, np.random.default_rng(seed).normal(size=(len(words), size)))


def as_gensim(vectors):
    peer = gensim.models.KeyedVectors(vectors.vector_size)
    peer.add_vectors(vectors.index_to_key, np.array(vectors.vectors))
    return peer


def one_sentence(caught):
    message = str(caught.value)
    return message.endswith(".") and "\n" not in message and not re.search(r"\. [A-Z]", message.replace(".. ", ""))
