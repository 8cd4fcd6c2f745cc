"""Wrong answers to the exercises of lesson 13, as learners write them, and the diagnosis each must get."""
import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.wrong_answers import Wrong

# --- position_encoding --------------------------------------------------------------------------------------------


def table_of(angles):
    return torch.stack([torch.sin(angles), torch.cos(angles)], dim=-1).flatten(1)


def right_angles(length, d_model):
    return torch.arange(length)[:, None] / 10_000 ** (torch.arange(0, d_model, 2) / d_model)


def positions_base_1000(length, d_model):
    return table_of(torch.arange(length)[:, None] / 1000 ** (torch.arange(0, d_model, 2) / d_model))


def positions_base_1000_in_halves(length, d_model):
    angles = torch.arange(length)[:, None] / 1000 ** (torch.arange(0, d_model, 2) / d_model)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def positions_degrees(length, d_model):
    return table_of(torch.deg2rad(right_angles(length, d_model)))


def positions_from_one(length, d_model):
    t = torch.arange(1, length + 1)
    return table_of(t[:, None] / 10_000 ** (torch.arange(0, d_model, 2) / d_model))


def positions_cosine_first(length, d_model):
    table, angles = torch.zeros(length, d_model), right_angles(length, d_model)
    table[:, 0::2], table[:, 1::2] = angles.cos(), angles.sin()
    return table


def positions_cosine_half_first(length, d_model):
    angles = right_angles(length, d_model)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def positions_only_sines(length, d_model):
    return torch.sin(right_angles(length, d_model)).repeat_interleave(2, dim=1)


def positions_loop_torn_pairs(length, d_model):
    table = torch.zeros(length, d_model)
    for t in range(length):
        for j in range(d_model):
            angle = t / 10_000 ** (j / d_model)
            table[t, j] = math.sin(angle) if j % 2 == 0 else math.cos(angle)
    return table


def positions_column_twice(length, d_model):
    table = np.zeros((length, d_model))
    for t in range(length):
        for j in range(0, d_model, 2):
            angle = t / 10_000 ** (2 * j / d_model)
            table[t, j], table[t, j + 1] = np.sin(angle), np.cos(angle)
    return torch.tensor(table)


def positions_exponent_halved(length, d_model):
    return table_of(torch.arange(length)[:, None] / 10_000 ** (torch.arange(d_model // 2) / d_model))


def positions_multiplied(length, d_model):
    return table_of(torch.arange(length).double()[:, None] * 10_000 ** (torch.arange(0, d_model, 2).double() / d_model))


def positions_as_share(length, d_model):
    return table_of(torch.arange(length)[:, None] / length / 10_000 ** (torch.arange(0, d_model, 2) / d_model))


def positions_one_frequency(length, d_model):
    return table_of(torch.arange(length)[:, None].float().repeat(1, d_model // 2))


def positions_brackets_forgotten(length, d_model):
    return table_of(torch.arange(length)[:, None] / 10_000 ** 2 * torch.arange(d_model // 2) / d_model)


def positions_hands_from_one(length, d_model):
    return table_of(torch.arange(length)[:, None] / 10_000 ** (2 * torch.arange(1, d_model // 2 + 1) / d_model))


def positions_cosines_left_out(length, d_model):
    table = torch.zeros(length, d_model)
    table[:, 0::2] = torch.sin(right_angles(length, d_model))
    return table


def positions_floor_division(length, d_model):
    return table_of(torch.arange(length)[:, None] / 10_000 ** (2 * torch.arange(d_model // 2) // d_model))


def positions_transposed(length, d_model):
    return table_of(right_angles(length, d_model)).T


def positions_angles(length, d_model):
    return right_angles(length, d_model)


def positions_noise(length, d_model):
    return torch.randn(length, d_model, generator=torch.Generator().manual_seed(0))


def positions_one_row(length, d_model):
    return table_of(right_angles(length, d_model))[-1]


# --- teacher_forcing_loss -----------------------------------------------------------------------------------------


def causal(T):
    return torch.ones(T, T, dtype=torch.bool).tril()


def mean(scores, labels, pad_id):
    return F.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=pad_id)


def forcing_not_shifted(decode, target_ids, pad_id):
    return mean(decode(target_ids, causal(target_ids.shape[1])), target_ids, pad_id)


def forcing_same_slice(decode, target_ids, pad_id):
    inputs = target_ids[:, :-1]
    return mean(decode(inputs, causal(inputs.shape[1])), inputs, pad_id)


def forcing_wrong_way(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, 1:], target_ids[:, :-1]
    return mean(decode(inputs, causal(inputs.shape[1])), labels, pad_id)


def forcing_shifted_twice(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-2], target_ids[:, 2:]
    return mean(decode(inputs, causal(inputs.shape[1])), labels, pad_id)


def forcing_all_true(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    T = inputs.shape[1]
    return mean(decode(inputs, torch.ones(T, T, dtype=torch.bool)), labels, pad_id)


def forcing_no_mask(decode, target_ids, pad_id):
    return mean(decode(target_ids[:, :-1], None), target_ids[:, 1:], pad_id)


def forcing_hides_the_past(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    return mean(decode(inputs, ~causal(inputs.shape[1])), labels, pad_id)


def forcing_triu(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    T = inputs.shape[1]
    return mean(decode(inputs, torch.triu(torch.ones(T, T)).bool()), labels, pad_id)


def forcing_one_more(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    T = inputs.shape[1]
    return mean(decode(inputs, torch.ones(T, T, dtype=torch.bool).tril(1)), labels, pad_id)


def forcing_one_less(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    T = inputs.shape[1]
    return mean(decode(inputs, torch.ones(T, T, dtype=torch.bool).tril(-1)), labels, pad_id)


def forcing_padding_counted(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    scores = decode(inputs, causal(inputs.shape[1]))
    return F.cross_entropy(scores.transpose(1, 2), labels)


def forcing_right(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    mask = torch.ones(inputs.shape[1], inputs.shape[1]).tril().bool()
    return F.cross_entropy(decode(inputs, mask).transpose(1, 2), labels, ignore_index=pad_id)


def forcing_bits(decode, target_ids, pad_id):
    return forcing_right(decode, target_ids, pad_id) / math.log(2)


def forcing_perplexity(decode, target_ids, pad_id):
    return torch.exp(forcing_right(decode, target_ids, pad_id))


def forcing_diagonal(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    mask = torch.eye(inputs.shape[1]) == 1
    return F.cross_entropy(decode(inputs, mask).transpose(1, 2), labels, ignore_index=pad_id)


def forcing_free_running(decode, target_ids, pad_id):
    read, prices = target_ids[:, :1], []
    for t in range(1, target_ids.shape[1]):
        last = decode(read, torch.ones(t, t, dtype=torch.bool).tril())[:, -1]
        price = F.cross_entropy(last, target_ids[:, t], reduction="none")
        prices.append(price[target_ids[:, t] != pad_id])
        read = torch.cat([read, last.argmax(1)[:, None]], dim=1)
    return torch.cat(prices).mean()


def forcing_padding_in_the_mean(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    log_p = decode(inputs, causal(inputs.shape[1])).log_softmax(-1).gather(2, labels[:, :, None]).squeeze(2)
    return -(log_p * (labels != pad_id)).mean()


def forcing_pad_is_zero(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    return mean(decode(inputs, causal(inputs.shape[1])), labels, 0)


def forcing_mean_of_means(decode, target_ids, pad_id):
    return torch.stack([forcing_solution(decode, row[None], pad_id) for row in target_ids]).mean()


def forcing_solution(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    return mean(decode(inputs, causal(inputs.shape[1])), labels, pad_id)


def forcing_sum(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    scores = decode(inputs, causal(inputs.shape[1]))
    return F.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=pad_id, reduction="sum")


def forcing_table(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    scores = decode(inputs, causal(inputs.shape[1]))
    return F.cross_entropy(scores.transpose(1, 2), labels, ignore_index=pad_id, reduction="none")


def forcing_softmax_first(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    return mean(decode(inputs, causal(inputs.shape[1])).softmax(-1), labels, pad_id)


def forcing_rolled(decode, target_ids, pad_id):
    scores = decode(target_ids, causal(target_ids.shape[1]))
    return mean(scores, torch.roll(target_ids, -1, dims=1), pad_id)


def forcing_start_dropped(decode, target_ids, pad_id):
    return forcing_solution(decode, target_ids[:, 1:], pad_id)


def forcing_first_row_dropped(decode, target_ids, pad_id):
    return mean(decode(target_ids, causal(target_ids.shape[1]))[:, 1:], target_ids[:, 1:], pad_id)


def forcing_padding_of_inputs(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    real = inputs != pad_id
    return F.cross_entropy(decode(inputs, causal(inputs.shape[1]))[real], labels[real])


def probabilities(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    p = decode(inputs, causal(inputs.shape[1])).softmax(-1).gather(-1, labels[..., None])[..., 0]
    return p[labels != pad_id]


def forcing_no_minus(decode, target_ids, pad_id):
    return probabilities(decode, target_ids, pad_id).log().mean()


def forcing_no_logarithm(decode, target_ids, pad_id):
    return probabilities(decode, target_ids, pad_id).mean()


def forcing_float_mask(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    T = inputs.shape[1]
    return mean(decode(inputs, torch.ones(T, T).tril()), labels, pad_id)


def forcing_last_place_alone(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    return F.cross_entropy(decode(inputs, causal(inputs.shape[1]))[:, -1], labels[:, -1])


# --- exact_match --------------------------------------------------------------------------------------------------


def match_without_limit(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    while (token := int(decode(ids)[-1].argmax())) != end_id:
        ids.append(token)
    return ids[1:], ids[1:] == target


def match_over_all_rows(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    while len(ids) <= max_length and (token := int(decode(ids).argmax())) != end_id:
        ids.append(token)
    return ids[1:], ids[1:] == target


def match_starts_empty(decode, target, start_id, end_id, max_length):
    ids = []
    while len(ids) < max_length and (token := int(decode(ids)[-1].argmax())) != end_id:
        ids.append(token)
    return ids, ids == target


def match_teacher_forced(decode, target, start_id, end_id, max_length):
    said = decode([start_id] + target).argmax(-1).tolist()
    if end_id in said:
        said = said[: said.index(end_id)]
    return said, said == target


def match_teacher_forced_uncut(decode, target, start_id, end_id, max_length):
    said = decode([start_id] + target)[: len(target)].argmax(-1).tolist()
    return said, said == target


def match_never_stops(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    for _ in range(max_length):
        ids.append(int(decode(ids)[-1].argmax()))
    return ids[1:], ids[1:] == target


def match_keeps_end(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    for _ in range(max_length):
        ids.append(int(decode(ids)[-1].argmax()))
        if ids[-1] == end_id:
            break
    return ids[1:], ids[1:] == target


def match_keeps_start(decode, target, start_id, end_id, max_length):
    ids = [start_id, *match_solution(decode, target, start_id, end_id, max_length)[0]]
    return ids, ids == target


def match_solution(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    while len(ids) <= max_length:
        token = int(decode(ids)[-1].argmax())
        if token == end_id:
            break
        ids.append(token)
    return ids[1:], ids[1:] == target


def match_first_row(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    for _ in range(max_length):
        token = decode(ids)[0].argmax().item()
        if token == end_id:
            break
        ids.append(token)
    return ids[1:], ids[1:] == target


def match_last_token_alone(decode, target, start_id, end_id, max_length):
    written, token = [], start_id
    while len(written) < max_length:
        token = int(decode([token])[-1].argmax())
        if token == end_id:
            break
        written.append(token)
    return written, written == target


def match_one_too_few(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    while len(ids) < max_length:
        token = int(decode(ids)[-1].argmax())
        if token == end_id:
            break
        ids.append(token)
    return ids[1:], ids[1:] == target


def match_zip(decode, target, start_id, end_id, max_length):
    written, _ = match_solution(decode, target, start_id, end_id, max_length)
    return written, all(a == b for a, b in zip(written, target))


def match_share(decode, target, start_id, end_id, max_length):
    written, _ = match_solution(decode, target, start_id, end_id, max_length)
    return written, sum(a == b for a, b in zip(written, target)) / len(target)


def match_only_list(decode, target, start_id, end_id, max_length):
    return match_solution(decode, target, start_id, end_id, max_length)[0]


def match_only_verdict(decode, target, start_id, end_id, max_length):
    return match_solution(decode, target, start_id, end_id, max_length)[1]


def match_as_long_as_the_target(decode, target, start_id, end_id, max_length):
    return match_solution(decode, target, start_id, end_id, len(target))


def match_steps_of_the_target(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    for _ in target:
        ids.append(int(decode(ids)[-1].argmax()))
    return ids[1:], ids[1:] == target


def match_corrected(decode, target, start_id, end_id, max_length):
    read, written = [start_id], []
    for place in range(max_length):
        token = int(decode(read)[-1].argmax())
        if token == end_id:
            break
        written.append(token)
        read.append(target[place] if place < len(target) else token)
    return written, written == target


def match_cuts_the_last(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    while ids[-1] != end_id and len(ids) <= max_length:
        ids.append(int(decode(ids)[-1].argmax()))
    return ids[1:-1], ids[1:-1] == target


def match_keeps_both(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    while ids[-1] != end_id and len(ids) <= max_length:
        ids.append(int(decode(ids)[-1].argmax()))
    return ids, ids == target


def match_length_alone(decode, target, start_id, end_id, max_length):
    written, _ = match_solution(decode, target, start_id, end_id, max_length)
    return written, len(written) == len(target)


def match_as_sets(decode, target, start_id, end_id, max_length):
    written, _ = match_solution(decode, target, start_id, end_id, max_length)
    return written, set(written) == set(target)


def match_draws(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    while len(ids) <= max_length:
        token = int(torch.multinomial(decode(ids)[-1].softmax(-1), 1))
        if token == end_id:
            break
        ids.append(token)
    return ids[1:], ids[1:] == target


BANK = {
    "position_encoding": [
        Wrong("base 1000", positions_base_1000, "other-base"),
        Wrong("base 1000, in halves", positions_base_1000_in_halves, "other-base"),
        Wrong("degrees", positions_degrees, "degrees"),
        Wrong("counted from 1", positions_from_one, "counted-from-one"),
        Wrong("cosine in the even columns", positions_cosine_first, "sine-and-cosine-swapped"),
        Wrong("cosines in the first half", positions_cosine_half_first, "sine-and-cosine-swapped"),
        Wrong("only sines", positions_only_sines, "only-one-wave"),
        Wrong("each column its own frequency", positions_loop_torn_pairs, "pairs-torn"),
        Wrong("twice the column's number", positions_column_twice, "exponent-doubled"),
        Wrong("i for 2i", positions_exponent_halved, "exponent-halved"),
        Wrong("multiplied by the power", positions_multiplied, "multiplied-by-the-power"),
        Wrong("place as a share of the length", positions_as_share, "place-as-a-share"),
        Wrong("one frequency", positions_one_frequency, "one-frequency"),
        Wrong("** 2 * i / d", positions_brackets_forgotten, "brackets-forgotten"),
        Wrong("hands counted from 1", positions_hands_from_one, "hands-counted-from-one"),
        Wrong("cosines left out", positions_cosines_left_out, "only-one-wave"),
        Wrong("// in the exponent", positions_floor_division, "one-frequency"),
        Wrong("transposed", positions_transposed, "transposed"),
        Wrong("the angles alone", positions_angles, "angles-left"),
        Wrong("random numbers", positions_noise),
        Wrong("only the last row", positions_one_row),
    ],
    "teacher_forcing_loss": [
        Wrong("not shifted", forcing_not_shifted, "target-not-shifted"),
        Wrong("the same slice twice", forcing_same_slice, "target-not-shifted"),
        Wrong("shifted the wrong way", forcing_wrong_way, "shifted-the-wrong-way"),
        Wrong("shifted twice", forcing_shifted_twice, "shifted-twice"),
        Wrong("a mask of all True", forcing_all_true, "mask-forgotten"),
        Wrong("no mask", forcing_no_mask, "mask-forgotten"),
        Wrong("True where hidden", forcing_hides_the_past, "mask-inverted"),
        Wrong("upper triangle", forcing_triu, "mask-inverted"),
        Wrong("sees one more", forcing_one_more, "mask-shows-the-next-token"),
        Wrong("sees one less", forcing_one_less, "mask-hides-the-token-itself"),
        Wrong("padding counted", forcing_padding_counted, "padding-counted"),
        Wrong("padding zeroed and counted", forcing_padding_in_the_mean, "padding-zeroed-but-counted"),
        Wrong("padding is 0", forcing_pad_is_zero, "pad-id-ignored"),
        Wrong("mean of means", forcing_mean_of_means, "mean-of-means"),
        Wrong("sum", forcing_sum, "summed"),
        Wrong("a table", forcing_table, "left-as-a-table"),
        Wrong("softmax before cross_entropy", forcing_softmax_first, "softmax-taken-twice"),
        Wrong("rolled", forcing_rolled, "rolled-round"),
        Wrong("start dropped", forcing_start_dropped, "start-not-read"),
        Wrong("first row of scores dropped", forcing_first_row_dropped, "target-not-shifted"),
        Wrong("padding of the inputs", forcing_padding_of_inputs, "padding-sought-in-the-inputs"),
        Wrong("no minus", forcing_no_minus, "sign"),
        Wrong("no logarithm", forcing_no_logarithm, "no-logarithm"),
        Wrong("a mask of numbers", forcing_float_mask),
        Wrong("the last place alone", forcing_last_place_alone),
        Wrong("sees itself alone", forcing_diagonal, "mask-shows-the-token-alone"),
        Wrong("reads its own tokens", forcing_free_running, "reads-what-it-wrote"),
        Wrong("bits", forcing_bits, "other-unit"),
        Wrong("perplexity", forcing_perplexity, "other-unit"),
    ],
    "exact_match": [
        Wrong("reads the target", match_teacher_forced, "reads-the-target"),
        Wrong("reads the target, as long as it", match_teacher_forced_uncut, "reads-the-target"),
        Wrong("does not stop", match_never_stops, "does-not-stop"),
        Wrong("keeps the end token", match_keeps_end, "end-token-kept"),
        Wrong("keeps the start token", match_keeps_start, "start-token-kept"),
        Wrong("first row", match_first_row, "wrong-row"),
        Wrong("the last token alone", match_last_token_alone, "forgets-what-it-wrote"),
        Wrong("one too few", match_one_too_few, "one-too-few"),
        Wrong("zip", match_zip, "compares-the-beginning-alone"),
        Wrong("share of the tokens", match_share, "share-of-tokens"),
        Wrong("only the list", match_only_list, "only-the-list"),
        Wrong("only the verdict", match_only_verdict, "only-the-verdict"),
        Wrong("as long as the target", match_as_long_as_the_target, "length-taken-from-the-target"),
        Wrong("a step for each of the target's", match_steps_of_the_target, "length-taken-from-the-target"),
        Wrong("corrected after each token", match_corrected, "reads-the-target"),
        Wrong("cuts the last token whatever it is", match_cuts_the_last, "one-too-few"),
        Wrong("keeps start and end", match_keeps_both, "start-token-kept"),
        Wrong("compares lengths", match_length_alone, "order-not-compared"),
        Wrong("compares sets", match_as_sets, "order-not-compared"),
        Wrong("draws", match_draws),
        Wrong("no limit", match_without_limit),
        Wrong("argmax over all rows", match_over_all_rows),
        Wrong("starts with nothing", match_starts_empty),
    ],
}
