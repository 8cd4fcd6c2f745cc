"""Ask the original (fastText 0.9) for its answers, so that the tests can compare ours where it cannot be installed.

    pip install fasttext && python tests/fasttext_original/make.py     writes skipgram.bin, supervised.bin, answers.json

The texts are the course's own toy corpus and a few lines in other scripts. The models are tiny (211
buckets, 8 numbers). Twelve threads: each of the first ten fills a tenth of the table with random numbers; with fewer
the rest stays as the memory was, at times NaN.
"""

import hashlib
import json
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
OTHER_SCRIPTS = ["naïve café crème brûlée", "北京 是 一个 大 城市", "e\u0301te\u0301 n\u0303o",
                 "👩‍👩‍👧 😀 👍🏽", "мир и война"]
ASKED = ["king", "queen", "the", "kingly", "unqueenly", "naïve", "naïveté", "北京", "北京人", "e\u0301te\u0301", "été",
         "👩‍👩‍👧", "👍", "a", "ß", "</s>", "<", "<king>", "x" * 300]  # fmt: skip
TEXTS = ["the king sits", "queen king unknownword 北京", "one"]
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz'-<>", "àâäçéèêëîïôöùûüÿñßøå",
    "e\u0301\u0302n\u0303o\u0308",
    "的一是在不了有和人这中大为上个国", "абвгдежзийклмнопрст", "αβγδεζηθικλμ", "ابتثجحخدذرزس",
    "😀😂👍🏽👩\u200d👧🇫🇷", "0123456789.,",
]  # fmt: skip


def many_words(count: int = 10_000) -> list[str]:
    """Distinct words: those of the toy corpus, then random strings in ten scripts, some mixed, one very long."""
    from course_lib import data

    rng = random.Random(7)
    words = dict.fromkeys(word for sentence in data.load("toy") for word in sentence)
    words["ab" * 500] = None
    while len(words) < count:
        letters = rng.choice(ALPHABETS)
        if rng.random() < 0.1:
            letters += rng.choice(ALPHABETS)
        words["".join(rng.choices(letters, k=rng.randint(1, 14)))] = None
    return list(words)


def digest(ids: list[list[int]]) -> str:
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()


def empty_model(path: Path, min_n: int, max_n: int, bucket: int) -> None:
    """A model in the original's format with the one word "</s>" and one number a vector: enough to ask for ids."""
    args = struct.pack("<2i12id", 793712314, 12, 1, 5, 5, 1, 5, 1, 2, 2, bucket, min_n, max_n, 100, 1e-4)
    words = struct.pack("<iiiqq", 1, 1, 0, 1, -1) + b"</s>\0" + struct.pack("<qb", 1, 0)
    table = struct.pack("<?qq", False, 1 + bucket, 1) + bytes(4 * (1 + bucket))
    path.write_bytes(args + words + table + struct.pack("<?qqf", False, 1, 1, 0))


def ids_of_original(words: list[str], min_n: int, max_n: int, bucket: int) -> list[list[int]]:
    """The original's n-gram ids of each word, without the vocabulary's offset."""
    import fasttext

    with tempfile.TemporaryDirectory() as folder:
        empty_model(Path(folder) / "empty.bin", min_n, max_n, bucket)
        model = fasttext.load_model(str(Path(folder) / "empty.bin"))
    return [[int(i) - 1 for i in model.get_subwords(word)[1]] for word in words]


TRAIN = """
import fasttext, sys
kind, text, path = sys.argv[1:]
settings = dict(dim=8, bucket=211, epoch=3, thread=12, minCount=1, verbose=0)
if kind == "skipgram":
    model = fasttext.train_unsupervised(text, model="skipgram", lr=0.05, **settings)
else:
    model = fasttext.train_supervised(text, lr=0.5, wordNgrams=3, **settings)
model.save_model(path)
"""


def train(kind: str, lines: list[str]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as text:
        text.write("\n".join(lines) + "\n")
        text.flush()
        subprocess.run([sys.executable, "-c", TRAIN, kind, text.name, str(HERE / f"{kind}.bin")], check=True)


def main() -> None:
    import fasttext

    from course_lib import data

    toy = [" ".join(sentence) for sentence in data.load("toy")]
    train("skipgram", toy + OTHER_SCRIPTS)
    labels = ["royal" if "king" in line or "queen" in line else "other" for line in toy]
    train("supervised", [f"__label__{label} {line}" for label, line in zip(labels, toy)])
    model = fasttext.load_model(str(HERE / "skipgram.bin"))
    answers = {
        "words": model.get_words(),
        "vectors": {word: [float(x) for x in model.get_word_vector(word)] for word in ASKED},
        "subwords": {word: model.get_subwords(word)[0] for word in ASKED},
        "neighbours": {word: model.get_nearest_neighbors(word, k=5) for word in ("king", "kingly", "北京人", "été")},
    }
    model = fasttext.load_model(str(HERE / "supervised.bin"))
    answers["supervised"] = {text: [float(x) for x in model.get_sentence_vector(text)] for text in TEXTS}
    words = many_words()
    answers["digests"] = {
        f"{min_n} {max_n} {bucket}": digest(ids_of_original(words, min_n, max_n, bucket))
        for min_n, max_n, bucket in ((3, 6, 2_000_000), (1, 4, 200_000))
    }
    (HERE / "answers.json").write_text(json.dumps(answers, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
