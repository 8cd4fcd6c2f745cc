"""Tokenizers: text cut into the units that every model from here on reads. GPT-2's way, BERT's way, words, characters.

    tokenizer = BPETokenizer().train(texts, vocab_size=1000)    # learn to cut from some texts
    tokenizer.encode("the lowest")                              # [262, 300, 395]: numbers
    tokenizer.tokens("the lowest")                              # ['the', 'Ġlow', 'est']: their names
    tokenizer.decode(tokenizer.encode(text)) == text            # always
    tokenizer.encode_batch(texts, max_length=128)               # a Batch: tensors with padding, and where it is
    gpt2 = BPETokenizer.load(data.path("gpt2_merges"))          # GPT-2's own 50,257 tokens
    bert = WordPieceTokenizer.load(data.path("bert_vocab"))     # BERT's 30,522
    chat(tokenizer, [{"role": "user", "content": "Hello"}])     # a conversation's ids, for a model trained on such

What it is. `Tokenizer` is the one interface that lessons and models may ask; behind it stand `BPETokenizer` (GPT-2's;
how it learns and cuts is in `bpe`), `WordPieceTokenizer` (BERT's; in `wordpiece`), `WordTokenizer` (a `Vocab`) and
`CharacterTokenizer` (a text's letters, or those of the `dates`). The first two read and write the files of
Hugging Face's `tokenizers`, and the older ones.

What it leaves out. Tokenizers of other kinds (SentencePiece, GPT-4's pattern), which the files are checked for; rows
padded or cut on the left; the parts that a cut text loses.

Papers: Sennrich, Haddow and Birch 2016 (BPE); Radford et al. 2019 (GPT-2); Schuster and Nakajima 2012, Wu et al. 2016
(WordPiece); Devlin et al. 2019 (BERT).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from course_lib import bpe, wordpiece
from course_lib.settings import require, whole
from course_lib.vocab import Vocab

Cut = tuple[int, int, int]  # a token's id, and the places in the text where it starts and ends

# ---- one interface ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """Texts as tensors, one row each, padded on the right; the names are those of a model's arguments."""

    input_ids: Int64[Tensor, "B T"]
    attention_mask: Bool[Tensor, "B T"]  # True for a token, False for padding
    token_type_ids: Int64[Tensor, "B T"]  # 1 for the second text of a pair and its end mark, else 0
    offsets: Int64[Tensor, "B T 2"] | None = None  # where in its text a token starts and ends; (0, 0) for added ones

    def to(self, device: str | torch.device) -> "Batch":
        """The same batch on a device (the offsets stay: they belong to the text)."""
        moved = {name: getattr(self, name).to(device) for name in ("input_ids", "attention_mask", "token_type_ids")}
        return replace(self, **moved)


class _Cache(dict):
    """What a function answers, worked out once for each key: texts repeat their words.

    Forgotten when there are 2 ** 18 answers, so that a long text does not fill the memory; long keys are not kept.
    """

    def __init__(self, function):
        super().__init__()
        self.function = function

    def __missing__(self, key):
        answer = self.function(key)
        if len(self) >= 2**18:
            self.clear()
        if len(key) <= 100:
            self[key] = answer
        return answer


class Tokenizer:
    """What a lesson may ask of any tokenizer, whatever its tokens are.

    len(tokenizer)          how many tokens there are: a model's vocab_size
    encode(text)            a text's ids, as a list; nothing is added to them
    decode(ids)             the text of some ids
    tokens(text)            the names of encode's tokens, and offsets(text) their places in the text
    encode_batch(texts)     a `Batch`: padded, cut to a length, with the tokens that mark start and end
    token_to_id, id_to_token, vocab (name -> id), special_tokens, pad_id

    A special token that is spelled out in a text, such as [MASK], is read as that token, as `tokenizers` does;
    special=False reads it as any other text. Texts of strangers want that.

    A tokenizer says how to cut a chunk (`_cut`) and where a text may be cut into chunks (`chunks`); chunks that come
    again are looked up. `_know` forgets all of them, so that none outlives the vocabulary it was cut with.
    """

    chunks = bpe.CHUNKS
    frame: tuple[list[int], list[int], list[int]] = ([], [], [])  # ids before a text, after it, after a second one
    pad_id: int | None = None
    vocab: dict[str, int]

    def _know(self, names: Sequence[str], special_tokens: Sequence[str]) -> None:
        """Take over a vocabulary, its names in the order of their ids. ValueError for a name that comes twice."""
        for name, times in Counter(names).items():
            if times > 1:
                raise ValueError(f"The token {name!r} comes {times} times in the vocabulary: each name has one id.")
        self._names = list(names)
        self.vocab = {name: i for i, name in enumerate(names)}
        self.special_tokens = {name: self.token_to_id(name) for name in special_tokens}
        longest_first = sorted(map(re.escape, special_tokens), key=len, reverse=True)
        self._special = re.compile(f"({'|'.join(longest_first)})") if special_tokens else None
        self._cuts: dict[str, list[Cut]] = _Cache(self._cut)
        self._ids: dict[str, tuple[int, ...]] = _Cache(self._cut_ids)

    def _cut(self, chunk: str) -> list[Cut]:
        """The tokens of a chunk, with their places in it."""
        raise NotImplementedError

    def _cut_ids(self, chunk: str) -> tuple[int, ...]:
        """The same without the places, for those who can do it faster."""
        return tuple([token_id for token_id, _, _ in self._cut(chunk)])

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} tokens)"

    def token_to_id(self, token: str) -> int:
        """The id of a token's name. ValueError where there is no such token."""
        if token not in self.vocab:
            raise ValueError(f"{token!r} is no token of this vocabulary: see the names in tokenizer.vocab.")
        return self.vocab[token]

    def id_to_token(self, token_id: int) -> str:
        """The name of an id. ValueError where there is no such id."""
        if not 0 <= token_id < len(self):
            raise ValueError(f"There is no token with the id {token_id}: ids go from 0 to {len(self) - 1}.")
        return self._names[token_id]

    def encode(self, text: str, special: bool = True) -> list[int]:
        """The ids of a text. ValueError for what is no string, and for surrogates."""
        ids = []
        for place, part in enumerate(self._parts(text, special)):
            if place % 2:
                ids.append(self.special_tokens[part])
            else:
                ids += chain.from_iterable(map(self._ids.__getitem__, self.chunks.findall(part)))
        return ids

    def _parts(self, text: str, special: bool) -> list[str]:
        """Text, special token, text, special token, ..., text."""
        bpe.checked_text(text)
        return self._special.split(text) if special and self._special else [text]

    def cuts(self, text: str, special: bool = True) -> list[Cut]:
        """(id, start, end) for each token of a text: text[start:end] is what it stands for, as near as can be said.

        A token of some bytes of a character gets the whole character.
        """
        found, start = [], 0
        for place, part in enumerate(self._parts(text, special)):
            if place % 2:
                found.append((self.special_tokens[part], start, start + len(part)))
            else:
                for match in self.chunks.finditer(part):
                    at = start + match.start()
                    found += [(token_id, at + first, at + last) for token_id, first, last in self._cuts[match[0]]]
            start += len(part)
        return found

    def tokens(self, text: str) -> list[str]:
        """The names of a text's tokens."""
        return [self._names[i] for i in self.encode(text)]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of a text starts and ends."""
        return [(start, end) for _, start, end in self.cuts(text)]

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = False) -> str:
        """The text of some ids. ValueError for an id that is none."""
        names = [self.id_to_token(int(i)) for i in ids]
        if skip_special_tokens:
            names = [name for name in names if name not in self.special_tokens]
        return self._join(names)

    def _join(self, names: list[str]) -> str:
        raise NotImplementedError

    def encode_batch(
        self,
        texts: Sequence[str],
        pairs: Sequence[str] | None = None,
        *,
        max_length: int | None = None,
        padding: str = "longest",
        add_special_tokens: bool = True,
        special: bool = True,
        offsets: bool = False,
    ) -> Batch:
        """Texts, or pairs of texts, as one `Batch`.

        max_length: longer rows are cut at the end of their text. Of a pair the longer text is cut until both fit or
            are equally long, then both; an odd token goes to the one that was longer, on a tie to the second (as
            `tokenizers`; BERT's first code always gave it to the first).
        padding: "longest" fills up to the longest row, "max_length" to that length, whatever the rows are.
        add_special_tokens: put the tokens around each text that the model expects ([CLS] and [SEP] for BERT).
        offsets: also say where each token stands in its text.
        Raises ValueError where max_length leaves no room for a token of the text, or texts and pairs do not match.
        """
        texts, pairs = self._checked_batch(texts, pairs, max_length, padding)
        before, between, after = self.frame if add_special_tokens else ([], [], [])
        after = after if pairs else []
        room = self._room(max_length, len(before) + len(between) + len(after), 2 if pairs else 1)
        read = self.cuts if offsets else self.encode
        if offsets:
            before, between, after = ([(i, 0, 0) for i in ids] for ids in (before, between, after))
        flat, firsts, lengths = [], [], []
        for text, other in zip(texts, pairs or repeat("")):
            first, second = read(text, special), read(other, special) if pairs else []
            if room is not None and len(first) + len(second) > room:
                keep, keep_other = truncated(len(first), len(second), room)
                first, second = first[:keep], second[:keep_other]
            firsts.append(len(before) + len(first) + len(between))
            lengths.append(firsts[-1] + len(second) + len(after))
            for part in (before, first, between, second, after):
                flat += part
        return self._padded(flat, firsts, lengths, max_length if padding == "max_length" else None, offsets)

    def _checked_batch(self, texts, pairs, max_length, padding) -> tuple[list[str], list[str] | None]:
        for name, value in (("texts", texts), ("pairs", pairs)):
            if isinstance(value, str):
                raise ValueError(f"{name} is a list of texts, not the text {_short(value)}: put brackets around it.")
        texts, pairs = list(texts), None if pairs is None else list(pairs)
        if pairs is not None and len(pairs) != len(texts):
            raise ValueError(f"There are {len(texts)} texts and {len(pairs)} pairs: give a second text for each.")
        require(padding in ("longest", "max_length"), "padding", padding, "'longest' or 'max_length'")
        if padding == "max_length" and max_length is None:
            raise ValueError("padding='max_length' needs a max_length: say how long the rows are to be.")
        require(max_length is None or whole(max_length, 1), "max_length", max_length, "None or 1 or more")
        return texts, pairs

    def _room(self, max_length: int | None, added: int, texts: int) -> int | None:
        """How many tokens of the texts themselves fit."""
        if max_length is None:
            return None
        if max_length < added + texts:
            what = "a token of the text" if texts == 1 else "a token of each text"
            raise ValueError(
                f"max_length={max_length} has no room for the {added} special tokens and {what}: "
                f"it must be {added + texts} or more."
            )
        return max_length - added

    def _padded(self, flat: list, firsts: list[int], lengths: list[int], width: int | None, offsets: bool) -> Batch:
        """Rows that lie end to end in `flat` as the tensors of a batch."""
        width = max(lengths, default=0) if width is None else width
        places, ends = np.arange(width), np.array(lengths, dtype=np.int64)[:, None]
        mask = places < ends  # [B, T]
        if self.pad_id is None and not mask.all():
            raise ValueError(f"{self!r} has no padding token, and the rows have {min(lengths)} to {width} tokens.")
        values = np.array(flat, dtype=np.int64).reshape(len(flat), 3 if offsets else 1)
        input_ids = np.full(mask.shape, self.pad_id or 0, dtype=np.int64)
        input_ids[mask] = values[:, 0]
        types = mask & (places >= np.array(firsts, dtype=np.int64)[:, None])
        spans = None
        if offsets:
            spans = np.zeros((*mask.shape, 2), dtype=np.int64)
            spans[mask] = values[:, 1:]
            spans = torch.from_numpy(spans)
        return Batch(torch.from_numpy(input_ids), torch.from_numpy(mask), torch.from_numpy(types).long(), spans)


def truncated(first: int, second: int, room: int) -> tuple[int, int]:
    """How many of `first` and `second` tokens a pair keeps in `room`: see `encode_batch`.

    >>> truncated(3, 10, 8), truncated(10, 9, 7), truncated(9, 9, 7)
    ((3, 5), (4, 3), (3, 4))
    """
    if first > second:
        return truncated(second, first, room)[::-1]
    keep = min(first, room // 2)
    return keep, min(second, room - keep)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


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
        if unknown is not None and unknown not in special_tokens:
            raise ValueError(f"unknown={unknown!r} is none of the special tokens: name one of these.")
        self.digits, self.unknown = digits, unknown
        self._take(list(merges), tuple(special_tokens), names)

    def _take(self, merges: list[tuple[str, str]], special_tokens: tuple[str, ...], names: Sequence[str] | None):
        if names is None:
            learned = dict.fromkeys(left + right for left, right in merges)
            names = [*bpe.ALPHABET, *learned, *special_tokens]
        self._know(names, special_tokens)
        self.merges = merges
        self.pad_id = self.vocab[special_tokens[0]] if special_tokens else None
        bytes_needed = bpe.ALPHABET if self.unknown is None else ()
        for name in (*bytes_needed, *chain.from_iterable(merges), *map("".join, merges)):
            if name not in self.vocab:
                what = f"the byte {bpe.unspell(name)!r}" if name in bpe.ALPHABET else f"{name!r}, which its merges use"
                raise ValueError(f"The vocabulary lacks {what}: the two belong to different tokenizers.")
        strange = set().union(*self.vocab.keys() - self.special_tokens.keys()) - set(bpe.ALPHABET)
        if strange:
            raise ValueError(f"The vocabulary uses {min(strange)!r}, which names no byte: it is not byte-level.")
        symbol = {name: chr(i) for name, i in self.vocab.items()}  # a token is one character: chr(id)
        self._symbols = {byte: symbol[name if name in symbol else self.unknown]
                         for byte, name in enumerate(bpe.BYTE_NAMES)}  # fmt: skip
        self._merges = [(symbol[left] + symbol[right], symbol[left + right]) for left, right in merges]
        self._ranks = {pair: rank for rank, (pair, _) in enumerate(self._merges)}
        self._sizes = [1 if name == self.unknown else len(name) for name in names]  # in bytes
        self._words: dict[str, str] = _Cache(self._join_word)

    def train(self, texts: Iterable[str], vocab_size: int, min_count: int = 1) -> Self:
        """Learn the merges of some texts; what was known before, and all caches, are forgotten.

        vocab_size: how many tokens there shall be, bytes and special tokens included; fewer where no pair is left
            that comes min_count times. Raises ValueError where there is no room for the bytes.
        """
        special_tokens = tuple(self.special_tokens)
        least = len(bpe.ALPHABET) + len(special_tokens)
        require(whole(vocab_size, least), "vocab_size", vocab_size, f"{least} or more (256 bytes, special tokens)")
        require(whole(min_count, 1), "min_count", min_count, "a whole number of 1 or more")
        merges = bpe.learn_merges(bpe.count_words(texts, self.digits), vocab_size - len(special_tokens), min_count)
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
        token. Raises ValueError for a file that is missing, broken or of another kind of tokenizer.
        """
        path = _file_in(Path(path), "merges.txt", "vocab.txt", "WordPieceTokenizer")
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
        wrong = _differences({"use_regex": True} | cutter, type="ByteLevel", add_prefix_space=False, use_regex=True)
        wrong += [f"{key}={model[key]!r}" for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix",
                  "byte_fallback", "ignore_merges") if model.get(key)]  # fmt: skip
        wrong += [f"normalizer {content['normalizer'].get('type')}"] if content.get("normalizer") else []
        if wrong:
            raise ValueError(f"{path} does not cut as GPT-2's ({', '.join(wrong)}): BPETokenizer reads no other.")
        merges = [tuple(pair.split(" ") if isinstance(pair, str) else pair) for pair in model["merges"]]
        unknown = model.get("unk_token") if model.get("unk_token") in special_tokens else None
        return cls(checked_merges(merges, path, 0), special_tokens, names, digits, unknown)


def _read_merges(path: Path) -> list[tuple[str, str]]:
    lines = read_lines(path)
    header = int(lines[0].startswith("#version"))
    return checked_merges([tuple(line.split(" ")) for line in lines[header:]], path, header)


def checked_merges(merges: list[tuple[str, ...]], path: Path, skipped: int) -> list[tuple[str, str]]:
    """The merges of a file. ValueError for what is no pair, or comes twice."""
    letters = set(bpe.ALPHABET)
    for number, pair in enumerate(merges, skipped + 1):
        if len(pair) != 2 or not all(pair) or not set("".join(map(str, pair))) <= letters:
            what = _short(" ".join(map(str, pair)))
            raise ValueError(f"Merge {number} of {path}, {what}, is no pair of byte-level tokens, as merges are.")
    twice = [pair for pair, times in Counter(merges).items() if times > 1]
    if twice:
        raise ValueError(f"The merge {' '.join(twice[0])!r} comes twice in {path}: each pair has one rank.")
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
        missing = [token for token in BERT_SPECIAL if token not in names]
        if missing:
            raise ValueError(f"The vocabulary lacks {', '.join(missing)}: it is none of BERT's.")
        self._know(names, BERT_SPECIAL)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = self.special_tokens.values()
        self.frame = ([self.cls_id], [self.sep_id], [self.sep_id])
        self._longest = max(map(len, names))
        self._cleaning = wordpiece.Cleaning(self.lowercase)
        self._words: dict[str, list[str]] = _Cache(self._match)

    def train(
        self,
        texts: Iterable[str],
        vocab_size: int,
        score: wordpiece.Score = wordpiece.textbook_score,
        min_count: int = 1,
    ) -> Self:
        """Learn the pieces of some texts (see `learn_pieces`); what was known before, and all caches, are forgotten.

        vocab_size: how many tokens there shall be, the five special ones (which come first) included.
        """
        require(whole(vocab_size, 6), "vocab_size", vocab_size, "6 or more (five are special)")
        require(whole(min_count, 1), "min_count", min_count, "a whole number of 1 or more")
        words = wordpiece.count_words(texts, self.lowercase)
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
        Raises ValueError for a file that is missing, broken or of another kind of tokenizer.
        """
        path = _file_in(Path(path), "vocab.txt", "merges.txt", "BPETokenizer")
        if path.suffix != ".json":
            return cls(read_lines(path), lowercase)
        model, special_tokens, names, content = read_tokenizer_json(path, "WordPiece")
        cleaning = content.get("normalizer") or {}
        wrong = _differences(cleaning, type="BertNormalizer", clean_text=True, handle_chinese_chars=True)
        if cleaning.get("strip_accents") not in (None, cleaning.get("lowercase")):
            wrong.append(f"strip_accents={cleaning['strip_accents']!r}")
        wrong += _differences(content.get("pre_tokenizer") or {}, type="BertPreTokenizer")
        wrong += _differences(model, unk_token="[UNK]", continuing_subword_prefix="##")
        wrong += _differences(model, max_input_chars_per_word=wordpiece.LONGEST_WORD)
        if wrong:
            raise ValueError(f"{path} is not cut as BERT's ({', '.join(wrong)}): WordPieceTokenizer reads no other.")
        return cls(names, bool(cleaning.get("lowercase")))


def _special(name: str, type_id: int) -> dict:
    return {"SpecialToken": {"id": name, "type_id": type_id}}


# ---- reading and writing, for every tokenizer ------------------------------------------------------------------------


def _file_in(path: Path, older: str, others: str, other: str) -> Path:
    """The file to read in a folder: tokenizer.json, else the older one. ValueError where there is neither."""
    if not path.is_dir():
        return path
    for name in ("tokenizer.json", older):
        if (path / name).is_file():
            return path / name
    hint = f", but a {others}: load it with {other}" if (path / others).is_file() else ""
    raise ValueError(f"{path} has no tokenizer.json and no {older}{hint}.")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file; not splitlines, for a token may be a line separator. ValueError for no such text."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ValueError(f"There is no file {path}.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error.reason}): it is no vocabulary.") from None
    if not text:
        raise ValueError(f"{path} is empty: it is no vocabulary.")
    return text.removesuffix("\n").split("\n")


def read_json(path: Path) -> dict:
    """The object in a JSON file. ValueError for anything else, and for a key that comes twice."""

    def once(pairs):
        for key, times in Counter(key for key, _ in pairs).items():
            if times > 1:
                raise ValueError(f"{key!r} comes {times} times in {path}: each name has one id.")
        return dict(pairs)

    try:
        content = json.loads("\n".join(read_lines(path)), object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no whole JSON file ({error}).") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, not the names and ids of a vocabulary.")
    return content


def _differences(found: Mapping[str, object], **expected: object) -> list[str]:
    return [f"{key}={found.get(key)!r}" for key, value in expected.items() if found.get(key) != value]


def names_by_id(vocab: Mapping[str, int], path: Path) -> list[str]:
    """The names in the order of their ids. ValueError unless the ids are 0, 1, 2, ..., each once."""
    names: dict[int, str] = {}
    for name, token_id in vocab.items():
        if not whole(token_id, 0):
            raise ValueError(f"The token {name!r} has the id {_short(token_id)} in {path}: ids are whole numbers.")
        if token_id in names:
            raise ValueError(f"{names[token_id]!r} and {name!r} both have the id {token_id} in {path}.")
        names[token_id] = name
    missing = next((i for i in range(len(names)) if i not in names), None)
    if missing is not None:
        raise ValueError(f"{path} has {len(names)} tokens and none with the id {missing}: ids must have no gap.")
    return [names[i] for i in range(len(names))]


def write_tokenizer_json(folder: Path, model: dict, special_tokens: Mapping[str, int], **parts: dict) -> None:
    """tokenizer.json, as `tokenizers` reads it; `parts` are its normalizer, pre_tokenizer, post_processor, decoder."""
    added = [{"id": token_id, "content": name, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for name, token_id in special_tokens.items()]  # fmt: skip
    empty = dict.fromkeys(("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"))
    content = {"version": "1.0", "added_tokens": added, **empty, **parts, "model": model}
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def read_tokenizer_json(path: Path, kind: str) -> tuple[dict, list[str], list[str], dict]:
    """A tokenizer.json's model, special tokens, names by id, and whole content. ValueError unless it is of this kind.

    Its truncation and padding are not read: they belong to a call, not to a vocabulary.
    """
    content = read_json(path)
    model = content.get("model")
    if not isinstance(model, dict):
        raise ValueError(f"{path} is no tokenizer.json: it has no model.")
    found = model.get("type") or ("BPE" if "merges" in model else "WordPiece")
    if found != kind:
        also = f": load it with {found}Tokenizer" if found in ("BPE", "WordPiece") else ""
        raise ValueError(f"{path} holds a {found} tokenizer, not {kind}{also}.")
    for part, form in (("vocab", dict), *([("merges", list)] if kind == "BPE" else [])):
        if not isinstance(model.get(part), form):
            raise ValueError(f"{path} has no {part}: it is no whole tokenizer.json.")
    vocab, special_tokens = dict(model["vocab"]), []
    for token in content.get("added_tokens") or []:
        name, odd = token["content"], [key for key in ("single_word", "lstrip", "rstrip") if token.get(key)]
        if odd:
            raise ValueError(f"The added token {name!r} of {path} has {odd[0]}, which this course does not read.")
        if vocab.setdefault(name, token["id"]) != token["id"]:
            raise ValueError(f"{name!r} has two ids in {path}: {vocab[name]} and {token['id']}.")
        special_tokens.append(name)
    return model, special_tokens, names_by_id(vocab, path), content


# ---- words and characters behind the same interface ------------------------------------------------------------------


class WordTokenizer(Tokenizer):
    """The words of a `Vocab`, split at white space, with the vocabulary's ids; special tokens come after them.

    A word that is not in the vocabulary becomes <unk>, or is dropped where that is none of the special tokens.

    >>> words = WordTokenizer(Vocab({"the": 3, "king": 2}))
    >>> words.encode("the old king"), words.decode([0, 3, 1])
    ([0, 3, 1], 'the <unk> king')
    """

    chunks = re.compile(rf"[^{bpe.SPACE}]+")

    def __init__(self, vocab: Vocab, special_tokens: Sequence[str] = ("<pad>", "<unk>")):
        self._know([*vocab.index_to_key, *special_tokens], special_tokens)
        self.pad_id = self.vocab.get("<pad>")

    def _cut(self, chunk: str) -> list[Cut]:
        token_id = self.vocab.get(chunk, self.special_tokens.get("<unk>"))
        return [] if token_id is None else [(token_id, 0, len(chunk))]

    def _join(self, names: list[str]) -> str:
        return " ".join(names)


class CharacterTokenizer(Tokenizer):
    """A text's characters, one by one. <pad>, <start> and <end>, where they are given, pad and frame a row of a batch.

    >>> letters = CharacterTokenizer("abc", special_tokens=["<pad>"])
    >>> letters.encode("cab"), letters.decode([2, 1, 3])
    ([3, 1, 2], 'bac')

    `CharacterTokenizer(Characters().symbols[3:], Characters().symbols[:3])` has the ids of `dates.Characters`.
    """

    chunks = re.compile(".", re.DOTALL)

    def __init__(self, characters: Iterable[str], special_tokens: Sequence[str] = ()):
        self._know([*special_tokens, *characters], special_tokens)
        self.pad_id = self.special_tokens.get("<pad>")
        start, end = ([i for name, i in self.special_tokens.items() if name == mark] for mark in ("<start>", "<end>"))
        self.frame = (start, end, [])

    @classmethod
    def train(cls, texts: Iterable[str], special_tokens: Sequence[str] = ()) -> Self:
        """The characters of some texts, sorted."""
        texts = [texts] if isinstance(texts, str) else texts
        return cls(sorted(set().union(*map(bpe.checked_text, texts))), special_tokens)

    def _cut(self, chunk: str) -> list[Cut]:
        if chunk not in self.vocab:
            raise ValueError(f"{chunk!r} is no character of this vocabulary of {len(self)}: train it on such a text.")
        return [(self.vocab[chunk], 0, 1)]

    def _join(self, names: list[str]) -> str:
        return "".join(names)

    def save(self, folder: str | Path) -> None:
        """Write tokenizer.json, for `tokenizers`: to that library the characters are words of one letter."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        one_by_one = {"type": "Split", "pattern": {"Regex": "[\\s\\S]"}, "behavior": "Isolated", "invert": False}
        model = {"type": "WordLevel", "vocab": self.vocab, "unk_token": ""}
        write_tokenizer_json(folder, model, self.special_tokens, pre_tokenizer=one_by_one, decoder={"type": "Fuse"})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote, a folder or its file. ValueError for what is missing, broken or of another kind."""
        path = Path(path)
        path = path / "tokenizer.json" if path.is_dir() else path
        _, special_tokens, names, content = read_tokenizer_json(path, "WordLevel")
        if _differences(content.get("pre_tokenizer") or {}, type="Split", pattern={"Regex": "[\\s\\S]"}):
            raise ValueError(f"{path} does not cut a text into its characters: CharacterTokenizer reads no other.")
        if names[: len(special_tokens)] != special_tokens:
            raise ValueError(f"The special tokens of {path} do not come first: CharacterTokenizer needs them there.")
        return cls(names[len(special_tokens) :], special_tokens)


# ---- a conversation --------------------------------------------------------------------------------------------------

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
ROLES = ("system", "user", "assistant")


def chat(
    tokenizer: Tokenizer, messages: Sequence[Mapping[str, str]], system: str | None = SYSTEM, answer: bool = True
) -> list[int]:
    """The ids of a conversation as SmolLM2 was trained to read it, up to where the assistant is to speak.

    messages:  {"role": "user", "content": "Hello"}, ...; the roles are "system", "user" and "assistant"
    system:    what stands first where no message of that role does; None for nothing
    answer:    whether the assistant's turn is opened at the end; it ends with <|im_end|>

    Written out, a turn is <|im_start|>user, a new line, the content, <|im_end|> and a new line. What people wrote is
    read as plain text: a message that spells <|im_end|> does not end its turn. ValueError for what is no such message.
    """
    turns = [(message.get("role"), message.get("content")) for message in messages]
    for role, content in turns:
        if role not in ROLES or not isinstance(content, str):
            raise ValueError(f"A message has the role {role!r} and the content {_short(content)}: give a text, and one "
                             f"of {', '.join(ROLES)}.")  # fmt: skip
    if system is not None and (not turns or turns[0][0] != "system"):
        turns.insert(0, ("system", system))
    start, end = (tokenizer.token_to_id(mark) for mark in ("<|im_start|>", "<|im_end|>"))
    ids, new_line = [], tokenizer.encode("\n")
    for role, content in turns:
        ids += [start, *tokenizer.encode(f"{role}\n{content}", special=False), end, *new_line]
    return [*ids, start, *tokenizer.encode("assistant\n")] if answer else ids


def load(folder: str | Path) -> Tokenizer:
    """The tokenizer of a folder with a tokenizer.json, whichever of this module's it is."""
    path = Path(folder) / "tokenizer.json"
    model = read_json(path).get("model")
    kind = model.get("type") if isinstance(model, dict) else None
    kinds = {"BPE": BPETokenizer, "WordPiece": WordPieceTokenizer, "WordLevel": CharacterTokenizer}
    if kind not in kinds:
        raise ValueError(f"{path} holds a tokenizer of the kind {kind!r}, not one of {', '.join(kinds)}.")
    return kinds[kind].load(folder)
