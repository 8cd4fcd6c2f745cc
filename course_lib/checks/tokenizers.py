"""Checks of lesson 07: the best pair, a word cut by merges, bytes turned into text, WordPiece's scores.

Words, merges and tables are small enough to be followed with a pencil. They hold what real texts hold too: ties, one
letter many times in a row, words without a pair, characters that two tokens share, half a character at the end.

Papers. Sennrich, Haddow and Birch (2016); Radford et al. (2019); Schuster and Nakajima (2012).
"""

from collections import Counter

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip

# --- best_pair --------------------------------------------------------------------------------------------------------


def _best_pair(words):
    pairs = Counter()
    for word, count in words.items():
        for left, right in zip(word, word[1:]):
            pairs[left + right] += count
    return min(pairs, key=lambda pair: (-pairs[pair], pair), default="")


def _overlaps_once(words):
    pairs = Counter()
    for word, count in words.items():
        for pair in {left + right for left, right in zip(word, word[1:])}:
            pairs[pair] += count * word.count(pair)
    return min(pairs, key=lambda pair: (-pairs[pair], pair), default="")


def _across_words(words):
    return _best_pair({"".join(word * count for word, count in words.items()): 1})


_MIN = 'min(pairs, key=lambda pair: (-pairs[pair], pair), default="")'
best_pair = Exercise(
    _best_pair,
    Round([
        Case(({"see": 3, "sea": 2, "late": 4},)),
        Case(({"late": 1, "sat": 1, "bat": 2, "tab": 3},)),
        Case(({"cocoa": 3, "oak": 2},)),
        Case(({"at": 2, "ta": 2, "he": 3},)),
        Case(({"ta": 4, "at": 3},)),
        Case(({"①e": 3, "a": 30, "①a": 5, "l②e": 4},)),
    ], [
        slip("rarest", "this is the pair that comes least often. The best comes most often", "-pairs -> pairs"),
        slip("words-counted-once",
             "every word counts once, however often it comes in the text. A word that comes 4 times adds 4 to each of "
             "its pairs", "+= count -> += 1"),
        slip("once-a-word",
             "a pair counts once for each word that has it. In cocoa stands `co` twice, so cocoa adds its count twice",
             "in zip(word, word[1:]) -> in set(zip(word, word[1:]))"),
        slip("either-order", "`at` and `ta` are counted as one pair. The order matters: left, then right",
             "pairs[left + right] -> pairs[min(left + right, right + left)]"),
        slip("across-words",
             "the words were written one behind the other, and the last letter of a word makes a pair with the first "
             "of the next. No token reaches beyond a word", _across_words),
        slip("first-of-the-alphabet",
             "this is the smallest pair of all, whatever the counts say. The count comes first, the alphabet only "
             "decides between equal counts", "(-pairs[pair], pair) -> pair"),
        slip("with-its-count", "the count came back too. Return the pair alone", f"{_MIN} -> pairs.most_common(1)[0]",
             ("return min -> best = min", 'default="") -> default="")\n    return best, pairs[best]')),
        slip("two-letters-apart", "the two tokens came back one by one. Return them as one string, left + right",
             ("return min -> return tuple(min", 'default="") -> default=""))')),
    ]),
    Round([
        Case(({"tea": 2, "ant": 2},)),
        Case(({"ab": 3, "cd": 3, "bc": 3},)),
        Case(({"②e": 4, "l②": 4},)),
    ], [
        slip("tie-first-seen",
             "of pairs that come equally often you take the one that was met first. The order of the words in a "
             "dictionary says nothing; take the smallest as Python compares strings", f"{_MIN} -> "
             'max(pairs, key=pairs.get, default="")'),
        slip("tie-last", "of pairs that come equally often you take the largest. Take the smallest: its tokens are "
             "older", f'{_MIN} -> max(pairs, key=lambda pair: (pairs[pair], pair), default="")'),
        slip("tie-last-seen", "of pairs that come equally often you take the one that was met last. Take the smallest "
             "as Python compares strings", f"{_MIN} -> "
             'max(reversed(pairs), key=pairs.get, default="")'),
        slip("tie-by-the-second", "ties are decided by the right token first. Compare the pairs as strings: left "
             "first, then right", "(-pairs[pair], pair) -> (-pairs[pair], pair[1], pair[0])"),
    ], held="where one pair is ahead of all others it is found"),
    Round([
        Case(({"brrrr": 2, "cat": 5},)),
        Case(({"zzz": 2, "ab": 3},)),
    ], [
        slip("overlaps-once",
             "in a run of one letter only pairs that do not overlap are counted, as `str.count` does. Every place "
             "counts: brrrr has rr three times, though only two of them can be joined", _overlaps_once),
    ], held="counts and ties are right"),
    Round([Case(({"a": 9, "i": 4},)), Case(({},))], [
        slip("last-token-for-a-pair", "a word of one token came back. It has no pair: the answer is the empty string",
             'default="" -> default=next(iter(words), "-")'),
    ], held="wherever there is a pair the best one is found",
        hints=[("ValueError", "`min` and `max` take a `default` for when there is nothing to compare.", "no-pair"),
               ("IndexError", "Here is no pair at all: the answer is the empty string.", "no-pair"),
               ("returned None", "Here is no pair at all: the answer is the empty string.", "no-pair")]),
)  # fmt: skip


# --- cut --------------------------------------------------------------------------------------------------------------


def _cut(word, merges):
    tokens = list(word)
    for left, right in merges:
        joined = []
        for token in tokens:
            if joined and joined[-1] == left and token == right:
                joined[-1] = left + right
            else:
                joined.append(token)
        tokens = joined
    return tokens


def _longest_match(word, merges):
    known, tokens, start = {left + right for left, right in merges}, [], 0
    while start < len(word):
        end = next((end for end in range(len(word), start, -1) if word[start:end] in known), start + 1)
        tokens.append(word[start:end])
        start = end
    return tokens


def _leftmost_pair(word, merges):
    tokens = list(word)
    while places := [i for i, pair in enumerate(zip(tokens, tokens[1:])) if pair in merges]:
        i = places[0]
        tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]
    return tokens


def _from_the_right(word, merges):
    turned = _cut(word[::-1], [(right[::-1], left[::-1]) for left, right in merges])
    return [token[::-1] for token in turned[::-1]]


_SEA = [("s", "e"), ("a", "t"), ("l", "at"), ("lat", "e"), ("se", "e"), ("se", "a")]
_RUN = [("a", "a"), ("aa", "aa"), ("b", "aaaa")]
_ABC = [("b", "c"), ("a", "bc"), ("a", "b"), ("c", "d"), ("ab", "cd")]
_AXE = [("a", "l"), ("a", "s"), ("k", "a"), ("as", "ka"), ("al", "as"), ("al", "aska"), ("l", "as")]
cut = Exercise(
    _cut,
    Round([
        Case(("late", _SEA), "late, by the merges s+e, a+t, l+at, lat+e, se+e, se+a"),
        Case(("seat", _SEA), "seat, by the same merges"),
        Case(("abc", _ABC), "abc, by b+c, a+bc, a+b, c+d, ab+cd"),
        Case(("abcd", _ABC), "abcd, by the same merges"),
        Case(("alaska", _AXE[:5]), "alaska, by a+l, a+s, k+a, as+ka, al+as"),
        Case(("xlasx", _AXE), "xlasx, by a+l, a+s, k+a, as+ka, al+as, al+aska, l+as"),
        Case(("tales", _SEA), "tales, by s+e, a+t, l+at, lat+e, se+e, se+a"),
    ], [
        slip("longest-match",
             "each time the longest token that fits was taken. That is how WordPiece cuts. BPE replays the merges in "
             "the order in which they were learned: in seat, a+t comes before se+a", _longest_match),
        slip("leftmost-pair",
             "each time the leftmost pair that stands in the list was joined. The pair that was learned first goes "
             "first, wherever it stands", _leftmost_pair),
        slip("last-learned-first", "the merges were replayed from the last one learned. Begin with the first: later "
             "ones are made of its tokens", "in merges -> in merges[::-1]"),
        slip("alphabetical", "the merges were sorted first. Their order is what was learned: keep it",
             "in merges -> in sorted(merges)"),
        slip("nothing-joined", "these are the letters, and no merge was applied",
             "tokens = joined -> pass", "joined[-1] = left + right -> joined.append(token)"),
        slip("first-merge-only", "only the first merge was applied. Go on through the list",
             "in merges -> in merges[:1]", "tokens = joined -> return joined"),
        slip("half-lost", "where a pair was joined, half of it is missing: the new token is left + right",
             "= left + right -> = right", "= left + right -> = left"),
        slip("one-string", "the tokens came back as one text. Return a list of tokens",
             "return tokens -> return ' '.join(tokens)", "return tokens -> return ''.join(tokens)"),
        slip("the-set-of-tokens", "each token came back once, in another order. Return all of them, from left to right",
             "return tokens -> return sorted(set(tokens))"),
    ]),
    Round([
        Case(("sesee", _SEA), "sesee, by s+e, a+t, l+at, lat+e, se+e, se+a"),
        Case(("atat", _SEA), "atat, by the same merges"),
        Case(("lateseesea", _SEA), "lateseesea, by the same merges"),
    ], [
        slip("first-place-only", "each merge was applied in one place only. Join every place where the pair stands",
             "== right: -> == right and left + right not in joined:"),
    ], held="where each pair stands once, all is right"),
    Round([
        Case(("aaa", _RUN), "aaa, by a+a, aa+aa, b+aaaa"),
        Case(("aaaaa", _RUN), "aaaaa, by the same merges"),
        Case(("baaaaab", _RUN), "baaaaab, by the same merges"),
        Case(("aaaaaaaa", _RUN), "aaaaaaaa, by the same merges"),
    ], [
        slip("from-the-right", "in a run of one letter the pairs were joined from the right. Join from the left: aaa "
             "becomes aa, a", _from_the_right),
        slip("letters-used-twice", "in a run of one letter a token was used in two joins. What has been joined is "
             "another token now: aaa becomes aa, a",
             ("joined[-1] == left -> (joined[-1] == left or left == right and joined[-1].endswith(left))",
              "= left + right -> += right")),
    ], held="without runs of one letter all is right"),
    Round([
        Case(("", _SEA), "an empty word"),
        Case(("sea", []), "sea, without any merge"),
        Case(("x", _SEA), "x, which no merge holds"),
    ], held="words of several letters are right"),
)  # fmt: skip


# --- decode -----------------------------------------------------------------------------------------------------------


def _decode(ids, tokens):
    return b"".join(tokens[i] for i in ids).decode(errors="replace")


_TEA = [b"t", b"\xc3\xa9", b" and caf", b"\xc3", b"\xa9", b" ", b"\xe8\x8c", b"\xb6", b"\n"]  # é twice, 茶
_ODD = ["👩‍🚀".encode()[:5], "👩‍🚀".encode()[5:9], "👩‍🚀".encode()[9:], "\ufeff".encode(), "e\u0301".encode()[:2],
        "e\u0301".encode()[2:], b"\0", b"\r\n", b"  ", "\ue000".encode()]  # fmt: skip
_ALONE = 'b"".join(tokens[i] for i in ids).decode(errors="replace") -> "".join(tokens[i].decode({}) for i in ids)'
_WHOLE = '.decode(errors="replace") -> '
decode = Exercise(
    _decode,
    Round([
        Case(([0, 1, 2, 1], _TEA), "tokens that are whole characters"),
        Case(([0, 2, 3, 4, 5, 6, 7], _TEA), "an é in two tokens and a 茶 in two"),
        Case(([3, 4, 0], _TEA), "a word that begins with half an é"),
    ], [
        slip("token-by-token",
             "every token was turned into text by itself. A character may be spread over two tokens, and neither half "
             "is one: join the bytes first, then decode them all at once",
             _ALONE.format('errors="replace"'), _ALONE.format('errors="ignore"'), _ALONE.format(""),
             _ALONE.format('errors="backslashreplace"')),
        slip("one-byte-one-character",
             "every byte was taken for a character of its own (chr, or Latin-1). In UTF-8 an é is two bytes and a 茶 "
             "three", f'{_WHOLE} .decode("latin-1")'),
        slip("bytes", "the bytes came back. Decode them: the answer is text", _WHOLE,
             'b"".join(tokens[i] for i in ids).decode(errors="replace") -> [tokens[i] for i in ids]'),
        slip("spaces-between", "there is a space between the tokens. A token of GPT-2 carries its own space, in front",
             'b"".join -> b" ".join'),
        slip("ascii", "all beyond ASCII was replaced. Text is written in UTF-8 here",
             f'{_WHOLE} .decode("ascii", errors="replace")', f'{_WHOLE} .decode("ascii", errors="ignore")'),
        slip("python-spelling", "the bytes were printed the way Python shows them (str or repr). Decode them",
             ('return b"" -> return str(b""', '.decode(errors="replace") -> )')),
        slip("ids-taken-for-bytes", "the ids themselves were taken for bytes. An id is a place in the table: tokens[i]",
             "tokens[i] for -> bytes([i]) for"),
    ]),
    Round([
        Case(([0, 1, 2, 8, 9], _ODD), "an emoji of three code points in three tokens, then two spaces"),
        Case(([3, 4, 5, 6], _ODD), "an invisible mark in front, and an e with a separate accent"),
        Case(([7, 8, 0, 1, 2, 7], _ODD), "line breaks and spaces at both ends"),
        Case(([], _TEA), "no token at all"),
    ], [
        slip("mark-lost", "the invisible mark U+FEFF at the start was dropped (utf-8-sig does that). What went in must "
             "come out", f'{_WHOLE} .decode("utf-8-sig", errors="replace")'),
        slip("composed", "an e and its separate accent became one character. It looks the same and is another text: "
             "do not normalise",
             ("return b -> import unicodedata\n    return unicodedata.normalize('NFC', b",
              'errors="replace") -> errors="replace"))')),
        slip("stripped", "white space at the ends was cut off. It belongs to the text", f'{_WHOLE} '
             '.decode(errors="replace").strip()', f'{_WHOLE} .decode(errors="replace").rstrip()',
             f'{_WHOLE} .decode(errors="replace").lstrip()'),
        slip("line-breaks-changed", "a line break of two characters became one. What went in must come out",
             f'{_WHOLE} .decode(errors="replace").replace("\\r\\n", "\\n")'),
    ], held="é and 茶 come back"),
    Round([
        Case(([0, 6], _TEA), "a text that ends in the middle of a 茶"),
        Case(([2, 3, 5, 7, 8], _TEA), "two halves of unlike characters"),
    ], [
        slip("halves-dropped", "what is no whole character vanished without a trace. Show that something is there: "
             'errors="replace" puts a � in its place', f'{_WHOLE} .decode(errors="ignore")'),
        slip("halves-stop-it", "half a character stops the program. A model may well end there: errors=\"replace\" "
             "puts a � in its place", f"{_WHOLE} .decode()"),
        slip("halves-spelled", "halves of characters were written as codes. errors=\"replace\" puts a � in their place",
             f'{_WHOLE} .decode(errors="backslashreplace")'),
        slip("halves-hidden", "halves of characters became surrogates, which no file and no screen can take. "
             'errors="replace" puts a � in their place', f'{_WHOLE} .decode(errors="surrogateescape")'),
    ], held="all whole characters come back"),
)  # fmt: skip


# --- piece_scores -----------------------------------------------------------------------------------------------------


def _piece_scores(words):
    single, pairs = Counter(), Counter()
    for pieces, count in words.items():
        for piece in pieces:
            single[piece] += count
        for pair in zip(pieces, pieces[1:]):
            pairs[pair] += count
    return {(left, right): n / (single[left] * single[right]) for (left, right), n in pairs.items()}


_HUG = {("hu", "##g"): 10, ("p", "##u", "##g"): 5, ("p", "##u", "##n"): 12, ("b", "##u", "##n"): 4, ("hu", "##gs"): 5}
_FORMULA = "n / (single[left] * single[right])"
piece_scores = Exercise(
    _piece_scores,
    Round([
        Case((_HUG,), "hu ##g 10 times, p ##u ##g 5, p ##u ##n 12, b ##u ##n 4, hu ##gs 5"),
        Case(({("a", "##b", "##b"): 2, ("a", "##b", "##c"): 3, ("##b",): 7},), "a ##b ##b twice, a ##b ##c 3 times"),
        Case(({("x",): 3, ("x", "##y"): 1, ("y", "##y", "##y", "##y"): 2},), "x 3 times, x ##y once, y ##y ##y ##y 2"),
        Case(({("z",): 3},), "a word of one piece"),
    ], [
        slip("counts-alone", "the score is the pair's count, as in BPE. Divide it by the counts of both pieces",
             f"{_FORMULA} -> n"),
        slip("divided-by-the-sum", "the pair's count was divided by the sum of the two counts. Divide by their product",
             "single[left] * single[right] -> single[left] + single[right]"),
        slip("divided-by-one", "the pair's count was divided by the count of one piece only. Divide by both",
             f"{_FORMULA} -> n / single[left]", f"{_FORMULA} -> n / single[right]"),
        slip("divided-then-multiplied", "brackets are missing: n / a * b divides by a and multiplies by b",
             f"{_FORMULA} -> n / single[left] * single[right]"),
        slip("upside-down", "the fraction is upside down", f"{_FORMULA} -> single[left] * single[right] / n"),
        slip("words-counted-once", "every word counts once. A word that comes 5 times adds 5",
             "+= count -> += 1", "single[piece] += count -> single[piece] += 1",
             "pairs[pair] += count -> pairs[pair] += 1"),
        slip("counted-beside-each-other-only",
             "of the right piece only those were counted that stand behind the left one. That is how (hu, ##g) comes "
             "to 1/15: the ##g of *pug* is forgotten. Count a piece wherever it stands",
             f"{_FORMULA} -> 1 / single[left]", f"{_FORMULA} -> 1 / single[right]"),
        slip("counted-in-pairs-only",
             "a piece was counted only as the left half of a pair, or only as the right half. Count it wherever it "
             "stands, also at the end, at the start, and alone",
             "for piece in pieces: -> for piece in pieces[:-1] or pieces:",
             "for piece in pieces: -> for piece in pieces[1:] or pieces:"),
        slip("counted-once-a-word", "a piece counts once for each word that has it. It counts as often as it stands "
             "there", "for piece in pieces: -> for piece in set(pieces):"),
        slip("pairs-once-a-word", "a pair counts once for each word that has it. It counts as often as it stands there",
             "in zip(pieces, pieces[1:]) -> in set(zip(pieces, pieces[1:]))"),
        slip("marks-lost", "## was taken off: g at the start of a word and ##g inside one are two pieces",
             ("for piece in pieces: -> pieces = tuple(p.removeprefix('##') for p in pieces)\n        "
              "for piece in pieces:")),
        slip("the-best-alone", "only the best pair came back. Return a dictionary with the score of every pair",
             ("return { -> scores = {", "pairs.items()} -> pairs.items()}\n    return max(scores, key=scores.get)")),
    ]),
)  # fmt: skip
