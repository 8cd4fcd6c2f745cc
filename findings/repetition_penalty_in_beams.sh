#!/usr/bin/env bash
# One repetition_penalty, two rules: greedy search punishes logits, a beam search log-probabilities.
#
# Expected: `repetition_penalty=1.5` changes the scores of tokens that have come by one rule, whatever the search: a
#           beam of one that is widened to two starts from the same punished scores.
# Seen:     in transformers 5.24.0 the rule (divide a positive score, multiply a negative one) is handed logits in greedy
#           search and log_softmax(logits) in beam search. Log-probabilities are never positive, so there it always
#           multiplies; and what is punished is how unlikely a token was, so a likely repetition (log p near 0) costs
#           next to nothing in a beam, while greedy search divides its large logit.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q "torch==2.13.0" "transformers==5.24.0"
"$folder/env/bin/python" - <<'PY'
import torch
import transformers

transformers.logging.set_verbosity_error()
torch.manual_seed(0)
model = transformers.GPT2LMHeadModel(transformers.GPT2Config(
    vocab_size=11, n_positions=16, n_embd=8, n_layer=1, n_head=1, bos_token_id=None, eos_token_id=None)).eval()
with torch.no_grad():
    model.transformer.ln_f.bias.normal_()
    for parameter in model.parameters():
        parameter.mul_(6)
prompt = torch.tensor([[3, 5]])
with torch.no_grad():
    logits = model(prompt).logits[0, -1]


class Look(transformers.LogitsProcessor):
    """Keeps what the rules of the first step are given."""

    seen = None

    def __call__(self, input_ids, scores):
        self.seen = scores[0].clone() if self.seen is None else self.seen
        return scores


seen = {}
for beams in (1, 2):
    look = Look()
    model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=1, num_beams=beams,
                   pad_token_id=0, logits_processor=transformers.LogitsProcessorList([look]))
    seen[beams] = look.seen
print("largest score that the rules are given: greedy", round(seen[1].max().item(), 3), " beams", round(seen[2].max().item(), 3))
assert torch.allclose(seen[1], logits, atol=1e-4), "the behaviour has changed"
assert torch.allclose(seen[2], logits.log_softmax(-1), atol=1e-4), "the behaviour has changed"
rule = transformers.RepetitionPenaltyLogitsProcessor(1.5)
likeliest = logits.argmax().view(1, 1)
by = {name: rule(likeliest, scores[None].clone()).softmax(-1)[0, likeliest.item()].item()
      for name, scores in (("greedy", seen[1]), ("beams", seen[2]))}
print("its probability once it has come:", {name: round(p, 3) for name, p in by.items()}, "without a penalty",
      round(logits.softmax(-1).max().item(), 3))
assert abs(by["greedy"] - by["beams"]) > 0.05, "the behaviour has changed"
PY
echo "seen as described, with transformers 5.24.0"
