"""Subword tokenizers: GPT-2's byte-level BPE and BERT's WordPiece, with their files and those of Hugging Face.

`BPETokenizer` and `WordPieceTokenizer` put the interface of `tokenizer_base` around the functions of `bpe` and
`wordpiece`, which say how each learns and cuts.

What it leaves out. Tokenizers of other kinds (SentencePiece, GPT-4's pattern), which the files are checked for.

Papers: Sennrich, Haddow and Birch 2016 (BPE); Radford et al. 2019 (GPT-2); Schuster and Nakajima 2012, Wu et al. 2016
(WordPiece); Devlin et al. 2019 (BERT).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Self

from course_lib import bpe, wordpiece
from course_lib.settings import Rule, Size, require, whole
from course_lib.shapes import shaped
from course_lib.tokenizer_base import Cache, Cut, Tokenizer
from course_lib.tokenizer_files import (
    differences,
    file_in,
    names_by_id,
    read_json,
    read_lines,
    read_tokenizer_json,
    require_kind,
    write_tokenizer_json,
)

WITH_WORDS = "texts with words in them, to learn from (a generator can be read once)"

# ---- GPT-2's tokenizer -----------------------------------------------------------------------------------------------


DIGITS = {"type": "Digits", "individual_digits": True}  # in a tokenizer.json, in front of GPT-2's pattern


class BPETokenizer(Tokenizer):
    """Byte-level BPE, as GPT-2: its pattern, its names of the bytes, its files. Untrained, a byte is a token.

    merges:         pairs of names, in the order in which they were learned
    special_tokens: never cut and never learned; they get the last ids. The first of them also pads.
    names:          the tokens by id, if the ids do not follow from the merges (bytes, merges, special tokens)
    digits:         whether each digit stands alone, whatever the merges are, as for SmolLM2
    unknown:        the special token that bytes without a name of their own become, as 21 do for SmolLM2, whose text
                    had none of them; None where all 256 have one
    Raises ValueError for merges and names that do not fit together.
    """

    def __init__(
        self,
        merges: Iterable[tuple[str, str]] = (),
        special_tokens: Sequence[str] = ("<|endoftext|>",),
        names: Sequence[str] | None = None,
        digits: bool = False,
        unknown: str | None = None,
    ):
        require(unknown in (None, *special_tokens), "unknown", unknown, "None or one of the special tokens")
        self.digits, self.unknown = digits, unknown
        self._take(list(merges), tuple(special_tokens), names)

    def _take(self, merges: list[tuple[str, str]], special_tokens: tuple[str, ...], names: Sequence[str] | None):
        if names is None:
            learned = dict.fromkeys(left + right for left, right in merges)
            names = [*bpe.ALPHABET, *learned, *special_tokens]
        self._know(names, special_tokens)
        self.merges = merges
        self.pad_id = self.vocab[special_tokens[0]] if special_tokens else None
        needed = [*(bpe.ALPHABET if self.unknown is None else ()), *chain.from_iterable(merges), *map("".join, merges)]
        if lacking := [name for name in needed if name not in self.vocab]:
            name = f"the byte {bpe.unspell(lacking[0])!r}" if lacking[0] in bpe.ALPHABET else repr(lacking[0])
            raise ValueError(f"The vocabulary lacks {name}, which its merges need: they belong to another tokenizer.")
        if strange := set().union(*self.vocab.keys() - self.special_tokens.keys()) - set(bpe.ALPHABET):
            raise ValueError(f"The vocabulary uses {min(strange)!r}, which names no byte: it is not byte-level.")
        symbol = {name: chr(i) for name, i in self.vocab.items()}  # a token is one character: chr(id)
        self._symbols = {byte: symbol[name if name in symbol else self.unknown]
                         for byte, name in enumerate(bpe.BYTE_NAMES)}  # fmt: skip
        self._merges = [(symbol[left] + symbol[right], symbol[left + right]) for left, right in merges]
        self._ranks = {pair: rank for rank, (pair, _) in enumerate(self._merges)}
        self._sizes = [1 if name == self.unknown else len(name) for name in names]  # in bytes
        self._words: dict[str, str] = Cache(self._join_word)

    @shaped
    def train(self, texts: Iterable[str], vocab_size: int, min_count: Size = 1) -> Self:
        """Learn the merges of some texts; what was known before, and all caches, are forgotten.

        vocab_size: how many tokens there shall be, bytes and special tokens included; fewer where no pair is left
            that comes min_count times. Raises ValueError where there is no room for the bytes.
        """
        special_tokens = tuple(self.special_tokens)
        least = len(bpe.ALPHABET) + len(special_tokens)
        require(whole(vocab_size, least), "vocab_size", vocab_size, f"{least} or more (256 bytes, special tokens)")
        words = bpe.count_words(texts, self.digits)
        require(bool(words), "texts", texts, WITH_WORDS)
        merges = bpe.learn_merges(words, vocab_size - len(special_tokens), min_count)
        self._take(merges, special_tokens, None)
        return self

    def _join_word(self, word: str) -> str:
        return bpe.replay(bpe.to_bytes(word).decode("latin-1").translate(self._symbols), self._ranks, self._merges)

    def _cut(self, chunk: str) -> list[Cut]:
        found, start = [], 0
        for word in bpe.gpt2_words(chunk, self.digits):
            place_of = range(len(word)) if word.isascii() else [i for i, c in enumerate(word) for _ in bpe.to_bytes(c)]
            first = 0  # in bytes
            for token_id in map(ord, self._words[word]):
                last = first + self._sizes[token_id]
                found.append((token_id, start + place_of[first], start + place_of[last - 1] + 1))
                first = last
            start += len(word)
        return found

    def _cut_ids(self, chunk: str) -> tuple[int, ...]:
        return tuple(map(ord, "".join(map(self._words.__getitem__, bpe.gpt2_words(chunk, self.digits)))))

    def _join(self, names: list[str]) -> str:
        """Bytes that are no UTF-8, such as half a character, become U+FFFD."""
        parts = (name.encode() if name in self.special_tokens else bpe.unspell(name) for name in names)
        return b"".join(parts).decode(errors="replace")

    # ---- files

    def save(self, folder: str | Path) -> None:
        """Write tokenizer.json (for `tokenizers`), and vocab.json and merges.txt (GPT-2's older files).

        The older files cannot say `digits` or `unknown`, so a tokenizer with one of these does not write them.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if not self.digits and self.unknown is None:
            (folder / "vocab.json").write_text(json.dumps(self.vocab), encoding="utf-8")
            lines = ["#version: 0.2", *map(" ".join, self.merges), ""]
            (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8", newline="\n")
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True}
        cutter = {"type": "Sequence", "pretokenizers": [DIGITS, byte_level]} if self.digits else byte_level
        model = {"type": "BPE", "dropout": None, "unk_token": self.unknown, "continuing_subword_prefix": None,
                 "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                 "vocab": self.vocab, "merges": self.merges}  # fmt: skip
        write_tokenizer_json(folder, model, self.special_tokens, pre_tokenizer=cutter, decoder=byte_level)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a folder (its tokenizer.json, else vocab.json and merges.txt) or one file: tokenizer.json or merges.

        Merges alone are enough, for GPT-2's ids follow from their order. With merges.txt, <|endoftext|> is the special
        token. Raises FileNotFoundError, and ValueError for a file that is broken or of another kind.
        """
        path = file_in(Path(path), "merges.txt", "vocab.txt", "WordPieceTokenizer")
        if path.suffix == ".json":
            return cls._from_json(path)
        names, vocab_file = None, path.with_name("vocab.json")
        if path.name == "merges.txt" and vocab_file.is_file():
            names = names_by_id(read_json(vocab_file), vocab_file)
        special_tokens = ("<|endoftext|>",) if names is None or "<|endoftext|>" in names else ()
        return cls(_read_merges(path), special_tokens, names)

    @classmethod
    def _from_json(cls, path: Path) -> Self:
        model, special_tokens, names, content = read_tokenizer_json(path, "BPE")
        cutter = content.get("pre_tokenizer") or {}
        steps = cutter.get("pretokenizers") or []
        digits = cutter.get("type") == "Sequence" and len(steps) == 2 and steps[0] == DIGITS
        cutter = steps[1] if digits else cutter
        wrong = differences({"use_regex": True} | cutter, type="ByteLevel", add_prefix_space=False, use_regex=True)
        wrong += [f"{key}={model[key]!r}" for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix",
                  "byte_fallback", "ignore_merges") if model.get(key)]  # fmt: skip
        wrong += [f"normalizer {content['normalizer'].get('type')}"] if content.get("normalizer") else []
        require_kind(wrong, path, cls.__name__)
        merges = [tuple(pair.split(" ") if isinstance(pair, str) else pair) for pair in model["merges"]]
        unknown = model.get("unk_token") if model.get("unk_token") in special_tokens else None
        return cls(checked_merges(merges, path, 0), special_tokens, names, digits, unknown)


def _read_merges(path: Path) -> list[tuple[str, str]]:
    lines = read_lines(path)
    header = int(lines[0].startswith("#version"))
    return checked_merges([tuple(line.split(" ")) for line in lines[header:]], path, header)


def checked_merges(merges: list[tuple[str, ...]], path: Path, skipped: int) -> list[tuple[str, str]]:
    """The merges of a file. ValueError for what is no pair, or comes twice."""
    letters, counts = set(bpe.ALPHABET), Counter(merges)
    for number, pair in enumerate(merges, skipped + 1):
        if len(pair) != 2 or not all(pair) or counts[pair] > 1 or not set("".join(map(str, pair))) <= letters:
            what = " ".join(map(str, pair))
            raise ValueError(f"Merge {number} of {path}, {what!r:.40}, is no pair of byte-level tokens or comes twice.")
    return merges


# ---- BERT's tokenizer ------------------------------------------------------------------------------------------------

BERT_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class WordPieceTokenizer(Tokenizer):
    """WordPiece, as BERT: its cleaning, its pieces, its [CLS] and [SEP] around a text. Untrained, it knows no piece.

    names:     the tokens by id; the five special ones must be among them
    lowercase: whether case and accents go (bert-base-uncased) or stay (bert-base-cased)
    Raises ValueError where a special token is missing or a name comes twice.

    cls_id, sep_id, mask_id, pad_id, unk_id: the ids of the special tokens.
    """

    chunks = wordpiece.CHUNKS

    def __init__(self, names: Sequence[str] = BERT_SPECIAL, lowercase: bool = True):
        self.lowercase = lowercase
        self._take(list(names))

    def _take(self, names: list[str]) -> None:
        if missing := [token for token in BERT_SPECIAL if token not in names]:
            raise ValueError(f"The vocabulary lacks {', '.join(missing)}: it is none of BERT's.")
        self._know(names, BERT_SPECIAL)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = self.special_tokens.values()
        self.frame = ([self.cls_id], [self.sep_id], [self.sep_id])
        self._longest = max(map(len, names))
        self._cleaning = wordpiece.Cleaning(self.lowercase)
        self._words: dict[str, list[str]] = Cache(self._match)

    @shaped
    def train(
        self,
        texts: Iterable[str],
        vocab_size: Annotated[int, Rule(lambda size: whole(size, 6), "6 or more (five are special)")],
        score: wordpiece.Score = wordpiece.textbook_score,
        min_count: Size = 1,
    ) -> Self:
        """Learn the pieces of some texts (see `learn_pieces`); what was known before, and all caches, are forgotten.

        vocab_size: how many tokens there shall be, the five special ones (which come first) included.
        """
        words = wordpiece.count_words(texts, self.lowercase)
        require(bool(words), "texts", texts, WITH_WORDS)
        self._take([*BERT_SPECIAL, *wordpiece.learn_pieces(words, vocab_size - len(BERT_SPECIAL), score, min_count)])
        return self

    def _match(self, word: str) -> list[tuple[int, int]]:
        """(id, length) of each piece."""
        pieces = wordpiece.longest_match(word, self.vocab, self._longest)
        if pieces is None:
            return [(self.unk_id, len(word))]
        sizes = [len(piece) - 2 * (place > 0) for place, piece in enumerate(pieces)]
        return list(zip(map(self.vocab.__getitem__, pieces), sizes))

    def _cut(self, chunk: str) -> list[Cut]:
        if not chunk.isascii():
            bpe.to_bytes(chunk)  # for its sentence about surrogates
        found = []
        place_of = [place for place, character in enumerate(chunk) for _ in self._cleaning[ord(character)]]
        for match in re.finditer("[^ ]+", chunk.translate(self._cleaning)):
            first = match.start()
            for token_id, size in self._words[match[0]]:
                last = first + size
                found.append((token_id, place_of[first], place_of[last - 1] + 1))
                first = last
        return found

    def _cut_ids(self, chunk: str) -> tuple[int, ...]:
        if not chunk.isascii():
            bpe.to_bytes(chunk)
        words = chunk.translate(self._cleaning).split()
        return tuple([token_id for word in words for token_id, _ in self._words[word]])

    def _join(self, names: list[str]) -> str:
        """The words between single spaces: what cleaning took, and which spaces there were, is not known any more."""
        return " ".join(names).replace(" ##", "")

    # ---- files

    def save(self, folder: str | Path) -> None:
        """Write tokenizer.json (for `tokenizers`) and vocab.txt (the older file, silent about lowercase)."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vocab.txt").write_text("\n".join([*self._names, ""]), encoding="utf-8", newline="\n")
        model = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                 "max_input_chars_per_word": wordpiece.LONGEST_WORD, "vocab": self.vocab}  # fmt: skip
        cleaning = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                    "lowercase": self.lowercase}  # fmt: skip
        first = [_special("[CLS]", 0), {"Sequence": {"id": "A", "type_id": 0}}, _special("[SEP]", 0)]
        second = [{"Sequence": {"id": "B", "type_id": 1}}, _special("[SEP]", 1)]
        marks = {name: {"id": name, "ids": [self.vocab[name]], "tokens": [name]} for name in ("[CLS]", "[SEP]")}
        template = {"type": "TemplateProcessing", "single": first, "pair": first + second, "special_tokens": marks}
        write_tokenizer_json(
            folder, model, self.special_tokens, normalizer=cleaning, pre_tokenizer={"type": "BertPreTokenizer"},
            post_processor=template, decoder={"type": "WordPiece", "prefix": "##", "cleanup": False},
        )  # fmt: skip

    @classmethod
    def load(cls, path: str | Path, lowercase: bool = True) -> Self:
        """Read a folder (its tokenizer.json, else vocab.txt) or one such file.

        lowercase: for vocab.txt, which does not say; tokenizer.json does.
        Raises FileNotFoundError, and ValueError for a file that is broken or of another kind.
        """
        path = file_in(Path(path), "vocab.txt", "merges.txt", "BPETokenizer")
        if path.suffix != ".json":
            return cls(read_lines(path), lowercase)
        model, special_tokens, names, content = read_tokenizer_json(path, "WordPiece")
        cleaning = content.get("normalizer") or {}
        wrong = differences(cleaning, type="BertNormalizer", clean_text=True, handle_chinese_chars=True)
        if cleaning.get("strip_accents") not in (None, cleaning.get("lowercase")):
            wrong.append(f"strip_accents={cleaning['strip_accents']!r}")
        wrong += differences(content.get("pre_tokenizer") or {}, type="BertPreTokenizer")
        wrong += differences(model, unk_token="[UNK]", continuing_subword_prefix="##")
        wrong += differences(model, max_input_chars_per_word=wordpiece.LONGEST_WORD)
        require_kind(wrong, path, cls.__name__)
        return cls(names, bool(cleaning.get("lowercase")))


def _special(name: str, type_id: int) -> dict:
    return {"SpecialToken": {"id": name, "type_id": type_id}}
