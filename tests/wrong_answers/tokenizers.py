"""Lesson 07: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import codecs
from collections import Counter, defaultdict
from fractions import Fraction
from itertools import pairwise

from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def most_common_pair(words):
    pairs = Counter()
    for word, count in words.items():
        for i in range(len(word) - 1):
            pairs[word[i : i + 2]] += count
    return pairs.most_common(1)[0][0]


def max_of_nothing(words):
    pairs = Counter(left + right for word, count in words.items() for left, right in pairwise(word * 1)
                    for _ in range(count))  # fmt: skip
    return min(pairs, key=lambda pair: (-pairs[pair], pair))


def none_for_nothing(words):
    pairs = Counter(left + right for word, count in words.items() for left, right in pairwise(word)
                    for _ in range(count))  # fmt: skip
    return min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)


def every_other_place(words):
    pairs = Counter()
    for word, count in words.items():
        for i in range(0, len(word) - 1, 2):
            pairs[word[i : i + 2]] += count
    return min(pairs, key=lambda pair: (-pairs[pair], pair), default="")


def one_text_with_spaces(words):
    text = " ".join(word for word, count in words.items() for _ in range(count))
    pairs = Counter(left + right for left, right in pairwise(text))
    return min(pairs, key=lambda pair: (-pairs[pair], pair), default="")


def replaced_between_spaces(word, merges):
    text = f" {' '.join(word)} "
    for left, right in merges:
        text = text.replace(f" {left} {right} ", f" {left + right} ")
    return text.split()


def replaced_anywhere(word, merges):
    text = " ".join(word)
    for left, right in merges:
        text = text.replace(f"{left} {right}", left + right)
    return text.split()


def walked_while_changing(word, merges):
    tokens = list(word)
    for left, right in merges:
        for i, (a, b) in enumerate(zip(tokens, tokens[1:], strict=False)):
            if (a, b) == (left, right):
                tokens[i : i + 2] = [left + right]
    return tokens


def letters_between(word, merges):
    return list(word) if merges else [word]


def known_or_letters(word, merges):
    return [word] if word in {left + right for left, right in merges} else list(word)


def by_characters(ids, tokens):
    return "".join(chr(byte) for i in ids for byte in tokens[i])


def utf16(ids, tokens):
    return b"".join(tokens[i] for i in ids).decode("utf-16", errors="replace")


def only_printable(ids, tokens):
    return "".join(c for c in b"".join(tokens[i] for i in ids).decode(errors="replace") if c.isprintable())


def question_marks(ids, tokens):
    return b"".join(tokens[i] for i in ids).decode(errors="replace").replace("\ufffd", "?")


def joined_keys(words):
    return {"".join(pair): score for pair, score in right_scores(words).items()}


BANK = {
    "best_pair": [
        Wrong("most_common", most_common_pair, "tie-first-seen"),
        Wrong("min without a default", max_of_nothing, "no-pair"),
        Wrong("None for no pair", none_for_nothing, "no-pair"),
        Wrong("every other place", every_other_place),
        Wrong("one text with spaces between its words", one_text_with_spaces),
        Wrong("the longest word's first pair", lambda words: max(words, key=len, default="")[:2]),
    ],
    "cut": [
        Wrong("replaced between spaces", replaced_between_spaces),
        Wrong("replaced anywhere, also in the middle of a token", replaced_anywhere),
        Wrong("walks along a list that it shortens", walked_while_changing, "first-place-only"),
        Wrong("the word itself where nothing is known", letters_between, "nothing-joined"),
        Wrong("a token or its letters", known_or_letters),
        Wrong("numbers for tokens", "return tokens -> return [merges.index((t[:1], t[1:])) if (t[:1], t[1:]) in merges "
              "else -1 for t in tokens]"),
        Wrong("empty tokens", "return tokens -> return tokens + ['']"),
    ],
    "decode": [
        Wrong("a character for each byte", by_characters, "one-byte-one-character"),
        Wrong("UTF-16", utf16),
        Wrong("control characters dropped", only_printable),
        Wrong("question marks for halves", question_marks),
        Wrong("backwards", "for i in ids -> for i in ids[::-1]"),
    ],
    "piece_scores": [
        Wrong("keys as one string", joined_keys),
        Wrong("rounded to whole numbers", "n / ( -> n // ("),
        Wrong("a list of scores", lambda words: list(right_scores(words).values())),
        Wrong("pairs across words", lambda words: right_scores({tuple(p for word in words for p in word): 1})),
        Wrong("squared", "single[left] * single[right] -> single[left] ** 2"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def pair_by_slices(words):
    counts = defaultdict(int)
    for word in words:
        for i in range(len(word) - 1):
            counts[word[i : i + 2]] += words[word]
    most = max(counts.values(), default=0)
    return min((pair for pair in counts if counts[pair] == most), default="")


def pair_by_sorting(words):
    table = {}
    for word, count in words.items():
        for pair in pairwise(word):
            table["".join(pair)] = table.get("".join(pair), 0) + count
    ranked = sorted(table.items(), key=lambda item: (-item[1], item[0]))
    return ranked[0][0] if ranked else ""


def pair_by_trying_all(words):
    tokens = sorted({token for word in words for token in word})
    best, most = "", 0
    for left in tokens:
        for right in tokens:
            times = sum(count * sum(word.startswith(left + right, i) for i in range(len(word)))
                        for word, count in words.items())  # fmt: skip
            if times > most:
                best, most = left + right, times
    return best


def cut_by_rank(word, merges):
    tokens = list(word)
    while found := [(merges.index(pair), i) for i, pair in enumerate(pairwise(tokens)) if pair in merges]:
        _, i = min(found)
        tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]
    return tokens


def cut_by_signs(word, merges):
    signs = {}
    for number, (left, right) in enumerate(merges):
        sign = chr(0xE000 + number)
        word = word.replace(signs.get(left, left) + signs.get(right, right), sign)
        signs[left + right] = sign
    names = {sign: token for token, sign in signs.items()}
    return [names.get(sign, sign) for sign in word]


def cut_with_an_index(word, merges):
    tokens = tuple(word)
    for pair in merges:
        i, joined = 0, ()
        while i < len(tokens):
            size = 2 if tokens[i : i + 2] == pair else 1
            joined += ("".join(tokens[i : i + size]),)
            i += size
        tokens = joined
    return tokens


def text_of_bytes(ids, tokens):
    data = bytearray()
    for i in ids:
        data.extend(tokens[i])
    return str(data, "utf-8", "replace")


def text_step_by_step(ids, tokens):
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return "".join([*(decoder.decode(tokens[i]) for i in ids), decoder.decode(b"", final=True)])


def text_by_latin(ids, tokens):
    return "".join(tokens[i].decode("latin-1") for i in ids).encode("latin-1").decode("utf-8", "replace")


def right_scores(words):
    pieces_of = [(piece, count) for pieces, count in words.items() for piece in pieces]
    alone = {piece: sum(n for other, n in pieces_of if other == piece) for piece, _ in pieces_of}
    together = defaultdict(float)
    for pieces, count in words.items():
        for i in range(1, len(pieces)):
            together[pieces[i - 1], pieces[i]] += count
    return {pair: together[pair] / alone[pair[0]] / alone[pair[1]] for pair in together}


def scores_by_repeating(words):
    text = [pieces for pieces, count in words.items() for _ in range(count)]
    alone = Counter(piece for pieces in text for piece in pieces)
    together = Counter(pair for pieces in text for pair in pairwise(pieces))
    return Counter({(a, b): Fraction(together[a, b], alone[a] * alone[b]) for a, b in together})


def scores_by_shares(words):
    alone, together = Counter(), Counter()
    for pieces, count in words.items():
        alone.update(dict.fromkeys(pieces, 0))
        for place, piece in enumerate(pieces):
            alone[piece] += count
            if place + 1 < len(pieces):
                together[piece, pieces[place + 1]] += count
    return {(a, b): (n / alone[a]) * (1 / alone[b]) for (a, b), n in together.items()}


RIGHT = {
    "best_pair": [pair_by_slices, pair_by_sorting, pair_by_trying_all],
    "cut": [cut_by_rank, cut_by_signs, cut_with_an_index],
    "decode": [text_of_bytes, text_step_by_step, text_by_latin],
    "piece_scores": [right_scores, scores_by_repeating, scores_by_shares],
}


# --- inputs -----------------------------------------------------------------------------------------------------------


def letters(rng, alphabet, least, most):
    return "".join(rng.choice(list(alphabet), rng.integers(least, most)))


def draw_words(rng):
    return ({letters(rng, "abc"[: rng.integers(1, 4)], 1, 6): int(rng.integers(1, 4))
             for _ in range(rng.integers(0, 5))},)  # fmt: skip


def draw_merges(rng):
    """A word and merges of which each makes a token that was not there before, out of tokens that were."""
    tokens, merges = list("ab"), []
    for _ in range(rng.integers(0, 6)):
        left, right = (str(token) for token in rng.choice(tokens, 2))
        if left + right not in tokens:
            merges.append((left, right))
            tokens.append(left + right)
    return letters(rng, "abc", 0, 9) if rng.random() < 0.9 else "", merges


def draw_ids(rng):
    text = "é茶🙂a\u0301 "
    data = "".join(rng.choice(list(text), rng.integers(1, 6))).encode()
    cuts = sorted({0, len(data), *(int(i) for i in rng.integers(0, len(data) + 1, 4))})
    tokens = [data[start:end] for start, end in pairwise(cuts)]
    ids = [int(i) for i in (range(len(tokens)) if rng.random() < 0.5 else rng.integers(0, len(tokens), 4))]
    return ids, tokens


def draw_pieces(rng):
    return ({(str(rng.choice(["a", "b"])), *(str(p) for p in rng.choice(["##a", "##b"], rng.integers(0, 4)))):
             int(rng.integers(1, 5)) for _ in range(rng.integers(1, 5))},)  # fmt: skip


INPUTS = {"best_pair": draw_words, "cut": draw_merges, "decode": draw_ids, "piece_scores": draw_pieces}
