"""tokenizer_base: what every tokenizer answers, batches, and every bad input."""

# ruff: noqa: F811  (fixtures are imported)

from tokenizer_peers import bert, gpt2, sentence, small  # noqa: F401

from course_lib.tokenizer_base import Cache
from course_lib.tokenizers import BPETokenizer, CharacterTokenizer


def test_an_odd_token_goes_to_the_longer_text_and_on_a_tie_to_the_second(bert):
    def kept(first, second, length):
        types = bert.encode_batch(["a " * first], ["b " * second], max_length=length).token_type_ids[0]
        return int((types == 0).sum()) - 2, int((types == 1).sum()) - 1

    assert kept(9, 9, 10) == (3, 4)
    assert kept(9, 8, 10) == (4, 3)
    assert kept(8, 9, 10) == (3, 4)
    assert kept(2, 9, 10) == (2, 5)
    assert kept(9, 2, 10) == (5, 2)
    assert kept(3, 4, 10) == (3, 4)


def test_batches_by_hand(bert):
    batch = bert.encode_batch(["a b", "c"], max_length=6, padding="max_length", offsets=True)
    a, b, c = bert.encode("a b c")
    assert batch.input_ids.tolist() == [[101, a, b, 102, 0, 0], [101, c, 102, 0, 0, 0]]
    assert batch.offsets.tolist()[0] == [[0, 0], [0, 1], [2, 3], [0, 0], [0, 0], [0, 0]]
    assert batch.token_type_ids.eq(0).all()
    assert bert.encode_batch(["a b"], ["c"]).token_type_ids.tolist() == [[0, 0, 0, 0, 1, 1]]
    assert bert.encode_batch([""]).input_ids.tolist() == [[101, 102]]
    assert bert.encode_batch([]).input_ids.shape == (0, 0)
    assert bert.encode_batch([], offsets=True).offsets.shape == (0, 0, 2)
    assert bert.encode_batch(["a b"], add_special_tokens=False).input_ids.tolist() == [[a, b]]
    assert bert.encode_batch(["[MASK]"], special=False).input_ids.tolist()[0][1:-1] == bert.encode("[ mask ]")
    assert batch.to("cpu").offsets is batch.offsets


def test_a_full_cache_starts_again(small):
    cache = Cache(len)
    assert [cache[str(i)] for i in range(2**18 + 5)][-1] == 6
    assert len(cache) == 5
    assert cache["x" * 101] == 101
    assert "x" * 101 not in cache


def test_texts_that_are_none(gpt2, small):
    for tokenizer in (gpt2, small["wordpiece"]):
        for call in (tokenizer.encode, tokenizer.cuts, tokenizer.tokens):
            sentence(call, "a\ud800b", says="holds the surrogate '.ud800', half a character")
            sentence(call, 7, says="^text=7 cannot be used: text must be a string.$")
        sentence(tokenizer.encode_batch, "text", says="^texts='text' cannot .* must be a list of texts")
        sentence(tokenizer.encode_batch, ["a"], "b", says="^pairs='b' cannot .* must be None or a list")
        sentence(tokenizer.encode_batch, ["a"], ["b", "c"], says="^There are 1 texts and 2 pairs")
        sentence(tokenizer.encode_batch, ["a", None], says="^text=None cannot")
    sentence(BPETokenizer().train, ["a", 3], 300, says="^text=3 cannot")
    sentence(BPETokenizer().train, ["a\udfff"], 300, says="holds the surrogate")


def test_ids_and_names_that_are_none(gpt2, small):
    sentence(gpt2.decode, [0, 50257], says="^There is no token 50257: ids go from 0 to 50256.$")
    sentence(gpt2.decode, [-1], says="^There is no token -1")
    sentence(gpt2.token_to_id, "<|im_start|>", says=r"^token='<\|im_start\|>' cannot be used")
    sentence(small["wordpiece"].token_to_id, "[mask]", says=r"^token='\[mask\]' cannot")


def test_lengths_without_room(small):
    pieces = small["wordpiece"]
    says = "^max_length=2 cannot be used: max_length must be 3 or more, for 2 special tokens and one of each text.$"
    sentence(pieces.encode_batch, ["a"], max_length=2, says=says)
    says = "^max_length=4 cannot be used: max_length must be 5 or more, for 3 special tokens and one of each text.$"
    sentence(pieces.encode_batch, ["a"], ["b"], max_length=4, says=says)
    assert pieces.encode_batch(["a"], ["b"], max_length=5).input_ids.shape == (1, 5)
    assert small["bpe"].encode_batch(["abc"], max_length=1).input_ids.shape == (1, 1)
    for wrong in (0, 2.5, True):
        sentence(pieces.encode_batch, ["a"], max_length=wrong, says=f"^max_length={wrong} cannot be used")
    says = "^max_length=None cannot be used: max_length must be said, for padding='max_length'"
    sentence(pieces.encode_batch, ["a"], padding="max_length", says=says)
    sentence(pieces.encode_batch, ["a"], padding=True, says="^padding=True cannot be used")
    letters = CharacterTokenizer("ab")
    assert letters.encode_batch(["ab", "ba"]).input_ids.tolist() == [[0, 1], [1, 0]]
    says = r"^lengths=\[1, 2\] cannot .* must be all 2, as .* has no padding token.$"
    sentence(letters.encode_batch, ["a", "ab"], says=says)
