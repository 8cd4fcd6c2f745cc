"""Cleaning: the bytes of one file of a package in, lines of words out. `course_lib.data` runs it once, on fetching.

Each corpus has a cleaner, a generator of its paragraphs as text; `sentences` makes lists of words out of a paragraph.
Sets of pairs and questions, and the plays as text, have a converter into the layout that `data` reads. What is left
out: stemming, stop words, numbers (a word that holds a digit is no word).
"""

import bz2
import csv
import html
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

CLEANING = 3  # raise it when anything below changes a text: what an older version wrote is then fetched anew


def cleaned(cleaner: str, stream: BinaryIO) -> Iterator[bytes]:
    """The cleaned text of one file, in pieces; without a cleaner, its bytes as they are."""
    if not cleaner:
        yield from iter(lambda: stream.read(1 << 20), b"")
    elif cleaner in CONVERTERS:
        yield from ((line + "\n").encode() for line in CONVERTERS[cleaner](stream))
    else:
        for paragraph in CLEANERS[cleaner](stream):
            for words in sentences(paragraph, marks=False):
                yield (" ".join(words) + "\n").encode()


# ---- words and sentences ---------------------------------------------------------------------------------------------


# A letter, then letters and marks; of b12, 19th and 80's nothing is kept. Beyond ASCII `_PLAIN` has left nothing else.
_RUN = r"[^\W\d_][^\x00-@\[-`{-\x7f\d]*"
_WORD = re.compile(rf"(?<!\w)(?<!\d'){_RUN}(?:'{_RUN})*(?![\w\x80-\U0010ffff])")
_END = re.compile(r"""(\s?)([.!?]+)["')\]]*(?:\s+|(?<=[a-z][.!?])(?=[A-Z][a-z]))""")
_ACRONYM = re.compile(r"\b(?:[A-Za-z]\.){2,}")
_URL = re.compile(r"(?:https?://|www\.)\S+")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "_": " "})
_ABBREVIATIONS = frozenset(
    """mr mrs ms dr prof st sr jr gen col capt lt sgt rev hon gov sen rep messrs vs etc cf fig figs vol ed est
    approx usu esp spec specif syn pl sing dept illust lat al inc ltd co corp nos jan feb mar apr jun
    jul aug sep sept oct nov dec bot zool anat chem naut mil mus astron geol""".split()
)


def words(text: str, marks: bool = True) -> list[str]:
    """Lower-case words: runs of letters of any script and their marks, apostrophes inside; what holds a digit is none.

    An accent and its letter become one character where there is one (NFC). `marks=False`: a mark ends a word, as it
    does in the corpora, whose numbers the lessons print (18 of their lines hold Hindi, Thai or Turkish).
    """
    text = text.lower()
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).translate(_PLAIN if marks else _UNMARKED)
    return _WORD.findall(text)


class _Plain(dict):
    """What stands for a character beyond ASCII, by its number: itself, nothing, or a space."""

    def __init__(self, marks: bool):
        super().__init__()
        self.marks = marks

    def __missing__(self, number: int) -> str | None:
        character, found = chr(number), " "
        kind = unicodedata.category(character)
        if number < 128 or character.isalpha() or kind == "Nd":
            found = character
        elif self.marks and (kind in ("Mn", "Mc", "Me") or character in "\u200c\u200d"):
            found = character  # Hindi's vowels are marks; two joiners, without width, belong to Persian and Hindi words
        elif self.marks and kind == "Cf" and character != "\u200b":
            found = None  # a soft hyphen, say, is no letter, and no space
        return self.setdefault(number, found)


_PLAIN, _UNMARKED = _Plain(True), _Plain(False)


def sentences(paragraph: str, marks: bool = True) -> Iterator[list[str]]:
    """The sentences of one paragraph, as lists of `words`. A sentence never reaches beyond its paragraph."""
    text = unicodedata.normalize("NFC", html.unescape(paragraph)).translate(_QUOTES)
    text = _ACRONYM.sub(lambda found: found.group().replace(".", ""), _URL.sub(" ", text))
    start = 0
    for end in _END.finditer(text):
        if _ends_sentence(text, start, end):
            if found := words(text[start : end.end()], marks):
                yield found
            start = end.end()
    if found := words(text[start:], marks):
        yield found


def _ends_sentence(text: str, start: int, end: re.Match[str]) -> bool:
    """Not after an abbreviation or an initial, nor before a small letter; a mark set apart ( . ) always ends."""
    if end.group(1):
        return True
    if text[end.end() : end.end() + 1].islower():
        return False
    last = (text[start : end.start()].rsplit(None, 1) or [""])[-1].strip("\"'([").lower()
    initial = len(last) == 1 and last.isalpha() and last != "i"
    return end.group(2) != "." or not (initial or last in _ABBREVIATIONS)


# ---- the corpora -----------------------------------------------------------------------------------------------------


_GCIDE_NOISE = re.compile(
    r"""(?:(?:Sir\s|[A-Z]\.\s)*[A-Z][\w.&']*\.)?\s*\[?1913\sWebster\]?   # author of a quotation
    | \[[^\[\]]*(?:Webster|WordNet|PJC|\.)\s?[^\[\]]{0,4}\]              # [Obs.], [Colloq. U.S.], [WordNet 1.5]
    | \((?:[A-Z][a-z]{1,7}\.(?:\s&\s)?)+\) | \([a-z]\)                   # (Naut.), (Bot. & Zool.), (a)
    | \{\d+\} | <[^>]{1,40}>""",
    re.VERBOSE,
)


def _definitions(stream: BinaryIO) -> Iterator[str]:
    """GCIDE as JSON: each sense starts with its headword; quotations and compounds follow. Etymologies are left out."""
    for headword, entries in json.load(stream).items():
        for entry in entries if isinstance(entries, list) else [entries]:
            for part in entry["pos"]:
                for sense in part["definitions"]:
                    yield f"{headword} {_GCIDE_NOISE.sub(' ', sense['text'])}"
                    yield from (_GCIDE_NOISE.sub(" ", example) for example in sense["examples"])
                yield from re.split(r"\s--\s(?=[A-Z])", _GCIDE_NOISE.sub(" ", part.get("cs") or ""))


_BREAK = re.compile(r"(?:<\s*/?\s*(?:br|p|li|ul|div)\b[^>]*>\s*|\n|;\s|\(\d+\))+", re.IGNORECASE)
_ESTIMATE = re.compile(r"\([^()]*\best\.?\)|\((?:FY)?\d{4}\)|\(s\)")


def _facts(stream: BinaryIO) -> Iterator[str]:
    """The World Factbook: each field's first item starts with the field's name; bare measurements are left out."""
    fields: list[tuple[tuple[str, ...], object]] = [((), json.load(stream))]
    while fields:
        labels, value = fields.pop()
        if isinstance(value, dict):
            fields += [((*labels, key.strip()), inner) for key, inner in reversed(value.items())]
            continue
        name = " ".join(dict.fromkeys(label for label in labels[1:] if label not in ("text", "note")))
        name = name.replace("(s)", "")
        for item in _BREAK.split(str(value)):
            item = _ESTIMATE.sub(" ", re.sub(r"<[^>]*>", " ", item))
            if len(words(item)) >= (3 if re.search(r"\d", item) else 1):
                yield f"{name} {item}"
                name = ""


def _shakespeare(stream: BinaryIO) -> Iterator[str]:
    """Plays in Markdown: a speech is a paragraph, so is a stage direction; headings and speakers are left out."""
    for block in re.split(r"\n\s*\n", stream.read().decode("utf-8").replace("\r", "")):
        lines = [line for line in block.splitlines() if not re.match(r"\*\*|#|[A-Z][A-Z &.]+\s*$", line)]
        yield from re.split(r"[_*]+", re.sub(r"\\(.)", r"\1", " ".join(lines)))


def _film_reviews(stream: BinaryIO) -> Iterator[str]:
    """Reviews in a CSV file with the columns text, label, source; `<br />` separates paragraphs."""
    for row in csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8", newline="")):
        yield from (re.sub(r"<[^>]*>", " ", part) for part in re.split(r"(?:<br\s*/?>\s*)+", row["text"]))


def _wikipedia(stream: BinaryIO) -> Iterator[str]:
    """A dump in XML, compressed: articles only, a line is a paragraph; headings, tables and redirects are left out."""
    for _, element in ElementTree.iterparse(bz2.open(stream)):
        if element.tag.endswith("}page"):
            if element.findtext("{*}ns") == "0" and element.find("{*}redirect") is None:
                lines = _without_markup(element.findtext("{*}revision/{*}text") or "").splitlines()
                yield from (line.lstrip("*#:; ") for line in lines if not re.match(r"\s*[|!{}=]", line))
            element.clear()


_APPENDIX = re.compile(
    r"^==\s*(?:See also|(?:Notes and )?References|Notes|Footnotes|External links|Further reading|Bibliography|Sources"
    r"|Citations)\s*==",
    re.MULTILINE | re.IGNORECASE,
)
_BLOCKS = re.compile(
    r"<!--.*?-->|<ref\b[^>]*/>"
    r"|<(ref|math|gallery|table|timeline|code|pre|source|syntaxhighlight|imagemap|score|chem)\b[^>]*>.*?</\1\s*>",
    re.DOTALL | re.IGNORECASE,
)
_INNERMOST = re.compile(r"\{\{[^{}]*\}\}|\{\|[^{}]*\|\}")
_FILES = re.compile(
    r"\[\[(?:File|Image|Category|[a-z-]{2,12}):(?:[^\[\]]|\[\[[^\[\]]*\]\]|\[[^\[\]]*\])*\]\]", re.IGNORECASE
)


def _without_markup(text: str) -> str:
    """Wiki text as plain text: no references, templates, tables, files or tags; of a link, what the reader sees."""
    text = _BLOCKS.sub("", _APPENDIX.split(text, maxsplit=1)[0])
    while text != (text := _INNERMOST.sub("", text)):  # templates nest: remove from the inside out
        pass
    text = re.sub(r"\[\[(?:[^|\[\]]*\|)?([^\[\]]*)\]\]", r"\1", _FILES.sub("", text))
    text = re.sub(r"\[(?:https?:)?//\S*\s?([^\]]*)\]", r"\1", text)
    return re.sub(r"<[^>]*>", " ", re.sub(r"'{2,}", "", text))


CLEANERS: dict[str, Callable[[BinaryIO], Iterator[str]]] = {
    "definitions": _definitions,
    "facts": _facts,
    "shakespeare": _shakespeare,
    "wikipedia": _wikipedia,
    "film_reviews": _film_reviews,
}


# ---- the sets, and text kept as text ---------------------------------------------------------------------------------


def _tsv_pairs(stream: BinaryIO) -> Iterator[str]:
    """A CSV file with the columns word1, word2, similarity; MEN's words carry a part of speech (sun-n), which goes."""
    for row in csv.DictReader(stream.read().decode("utf-8").splitlines()):
        first, second = (re.sub(r"-[nvj]$", "", row[column]) for column in ("word1", "word2"))
        yield f"{first}\t{second}\t{float(row['similarity']):g}"


def _question_sections(stream: BinaryIO) -> Iterator[str]:
    """A CSV file with the columns type, word1, word2, word3, target, as word2vec's sections of four words a line."""
    sections: dict[str, list[str]] = {}
    for row in csv.DictReader(stream.read().decode("utf-8").splitlines()):
        question = " ".join(row[column] for column in ("word1", "word2", "word3", "target"))
        sections.setdefault(row["type"], []).append(question)
    for name, questions in sections.items():
        yield from (f": {name}", *questions)


_DIRECTION = re.compile(r"\[?[_*]+\[?((?:[^_*\[\]\n]|\n(?!\n))+)\]?[_*]+\]?")  # _Exit_, _[Aside]_; in one paragraph


def _play_text(stream: BinaryIO) -> Iterator[str]:
    """A play in Markdown as `# Title` and its lines: SPEAKER: above a speech, [Exit] for a direction, no markup."""
    text = re.sub(r"\\(.)", r"\1", stream.read().decode("utf-8").replace("\r", ""))
    heading = re.match(r"# (.+)\n", text)
    title = heading[1] if heading else Path(stream.name).stem.replace("-", " ").title()  # one play lacks its heading
    yield "# " + re.sub(r"\bI$", "1", title.strip()).replace(" For ", " for ")
    text = re.sub(r"^\*\*(.+?)\*\*", r"\1:", text[heading.end() if heading else 0 :], flags=re.MULTILINE)
    text = re.sub(r"^#+ ", "", _DIRECTION.sub(r"[\1]", text), flags=re.MULTILINE)
    lines = "\n".join(map(str.rstrip, re.sub(r"[_*]", "", text).splitlines()))
    yield re.sub(r"\n{3,}", "\n\n", lines).strip()


# ---- two languages ---------------------------------------------------------------------------------------------------


_ONE_WORD = r"[^\W\d_]+(?:-[^\W\d_]+)*"
_ARTICLES = {"en": r"(?:the|to|an?) ", "fr": r"(?:l[ae]s? |une? |des |du |se |[ls]['’])"}


def _concepticon_french(stream: BinaryIO) -> Iterator[str]:
    """English and French words for one concept: the zip in a wheel of pysem, as lines `english, tab, french`.

    A gloss counts that is one word, its article left out; of the English ones, those at least a quarter as frequent as
    the most frequent one, without the plurals that some lists add to everything.
    """
    with zipfile.ZipFile(io.BytesIO(stream.read())) as archive:
        glosses = json.loads(archive.read("concepticon.json"))
    concepts = {language: _by_concept(glosses[language], _ARTICLES[language]) for language in ("en", "fr")}
    found = set()
    for concept, french in concepts["fr"].items():
        english = concepts["en"].get(concept, {})
        often = max(2, max(english.values(), default=0) / 4)
        common = [word for word, count in english.items() if count >= often and word[:-1] not in english]
        found |= {f"{one}\t{other}" for one in common for other in french}
    yield from sorted(found)


def _by_concept(glosses: dict[str, list], article: str) -> dict[str, dict[str, int]]:
    """The words of a language for each concept, and how many lists have them."""
    found: dict[str, dict[str, int]] = {}
    for gloss, concepts in glosses.items():
        word = re.sub(f"^{article}", "", unicodedata.normalize("NFC", gloss.lower().strip()))
        if re.fullmatch(_ONE_WORD, word):
            for concept, _, count, *_ in concepts:
                words_of = found.setdefault(concept, {})
                words_of[word] = words_of.get(word, 0) + count
    return found


def _edict_japanese(stream: BinaryIO) -> Iterator[str]:
    """EDICT2's common words, (P), whose first meaning is one English word: lines `english, tab, japanese`."""
    found = set()
    for line in stream.read().decode("euc_jp", errors="replace").splitlines():
        head, _, meanings = line.partition(" /")
        first = meanings.split("/")[0]
        english = re.sub(r"^(?:to|the|an?) ", "", re.sub(r"\([^)]*\)", "", first).strip().lower())
        if "/(P)/" not in line or re.search(r"\{|\((?:arch|obs|col|abbr)", first) or not english.isascii():
            continue
        spellings = head.split(" [")[0].split(";")
        common = [one for one in spellings if "(P)" in one] or spellings[:1]
        if re.fullmatch(_ONE_WORD, english):
            plain = {re.sub(r"\(.*?\)", "", one) for one in common}
            found |= {f"{english}\t{word}" for word in plain if "\ufffd" not in word}
    yield from sorted(found)


EIGHT = {"fr": "French", "de": "German", "ru": "Russian", "ar": "Arabic", "hi": "Hindi", "zh_CN": "Chinese",
         "ja": "Japanese"}  # fmt: skip


def _messages(stream: BinaryIO) -> Iterator[str]:
    """One language's catalogue of a web framework: whole sentences without a place to fill in, English first.

    Lines `language, tab, english, tab, translation`; of seven languages, and of all others nothing.
    """
    text = stream.read().decode("utf-8")
    language = re.search(r'^"Language: (\w+)\\n"', text, re.MULTILINE)
    if not language or language[1] not in EIGHT:
        return
    for entry in text.split("\n\n")[1:]:
        parts = {key: "".join(json.loads(piece) for piece in re.findall(r'"(?:[^"\\]|\\.)*"', lines))
                 for key, lines in re.findall(r'^(msg\w+) ((?:".*"\n?)+)', entry, re.MULTILINE)}  # fmt: skip
        english, other = parts.get("msgid", ""), parts.get("msgstr", "")
        plain = not re.search(r"[%{<\n\t]|\bp\.m|\ba\.m", english + other) and "fuzzy" not in entry
        if other and plain and english.endswith(".") and "msgctxt" not in parts and english.count(" ") >= 2:
            yield "\t".join((EIGHT[language[1]], english, other.strip()))


CONVERTERS: dict[str, Callable[[BinaryIO], Iterator[str]]] = {  # of sets: lines out, nothing else changed
    "play_text": _play_text,
    "tsv_pairs": _tsv_pairs,
    "question_sections": _question_sections,
    "concepticon_french": _concepticon_french,
    "edict_japanese": _edict_japanese,
    "messages": _messages,
}
