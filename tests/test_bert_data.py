"""bert_data: what is refused, and that bert still has the names. Shares of masking and pairs: see test_bert."""

import pytest
import torch

from course_lib import bert, bert_data


def test_bert_has_the_names():
    for name in ("mask_tokens", "SentencePairs", "PreTrainingBatch"):
        assert getattr(bert, name) is getattr(bert_data, name)


@pytest.mark.parametrize("setting", [{"context_length": 4}, {"batch_size": 0}, {"mask_id": -1}])
def test_settings_that_cannot_be_used(setting):
    (name, value), = setting.items()
    with pytest.raises(ValueError, match=f"{name}={value} cannot be used"):
        bert_data.SentencePairs([], words=[5], **{"cls_id": 2, "sep_id": 3, "mask_id": 4} | setting)


def test_a_share_that_cannot_be_asked():
    ids = torch.tensor([[5, 6]])
    with pytest.raises(ValueError, match="share=0 cannot be used"):
        bert_data.mask_tokens(ids, ids > 0, 4, torch.tensor([5, 6]), share=0)
