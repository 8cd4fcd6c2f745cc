"""Tokenizers: text cut into the units that every model from here on reads. GPT-2's way, BERT's way, words, characters.

    tokenizer = BPETokenizer().train(texts, vocab_size=1000)    # learn to cut from some texts
    tokenizer.encode("the lowest")                              # [262, 300, 395]: numbers
    tokenizer.tokens("the lowest")                              # ['the', 'Ġlow', 'est']: their names
    tokenizer.decode(tokenizer.encode(text)) == text            # always
    tokenizer.encode_batch(texts, max_length=128)               # a Batch: tensors with padding, and where it is
    gpt2 = BPETokenizer.load(data.path("gpt2_merges"))          # GPT-2's own 50,257 tokens
    bert = WordPieceTokenizer.load(data.path("bert_vocab"))     # BERT's 30,522
    chat(tokenizer, [{"role": "user", "content": "Hello"}])     # a conversation's ids, for a model trained on such

What it is. The door to all of them: `Tokenizer` (in `tokenizer_base`) is the one interface that lessons and models may
ask; behind it stand `BPETokenizer` (GPT-2's) and `WordPieceTokenizer` (BERT's; both in `subwords`), and here
`WordTokenizer` (a `Vocab`) and `CharacterTokenizer` (a text's letters, or those of the `dates`). `load` takes whichever
a folder holds; `chat` writes a conversation.

What it leaves out. Tokenizers of other kinds, such as SentencePiece; conversations in the form of other models.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from course_lib import bpe
from course_lib.settings import require
from course_lib.subwords import BERT_SPECIAL, DIGITS, BPETokenizer, WordPieceTokenizer, checked_merges  # noqa: F401
from course_lib.tokenizer_base import Batch, Cut, Tokenizer, truncated  # noqa: F401  (to be had from here, too)
from course_lib.tokenizer_files import differences, read_json, read_tokenizer_json, require_kind, write_tokenizer_json
from course_lib.vocab import Vocab

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
        require(chunk in self.vocab, "character", chunk, f"one of {len(self)} that it knows: train it on such a text")
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
        """Read what `save` wrote, a folder or its file. FileNotFoundError; ValueError for another or a broken file."""
        path = Path(path)
        path = path / "tokenizer.json" if path.is_dir() else path
        _, special_tokens, names, content = read_tokenizer_json(path, "WordLevel")
        wrong = differences(content.get("pre_tokenizer") or {}, type="Split", pattern={"Regex": "[\\s\\S]"})
        first = names[: len(special_tokens)] == special_tokens
        require_kind(wrong if first else ["special tokens that do not come first"], path, cls.__name__)
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
        require(role in ROLES, "role", role, f"one of {', '.join(ROLES)}")
        require(isinstance(content, str), "content", content, "a text")
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
    require(kind in kinds, "kind", kind, f"one of {', '.join(kinds)} in {path}")
    return kinds[kind].load(folder)
