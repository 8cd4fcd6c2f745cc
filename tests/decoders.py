"""What every model of ours that writes a text, token after token, must do: for the tests of gpt and of llama."""
import torch


def check_compiled(model, ids):
    """`fullgraph`: no part falls back to Python; and one graph reads the prompt, one each further token."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    fast = torch.compile(model, fullgraph=True, backend="eager")  # what is captured is asked here, not how fast it is
    with torch.no_grad():
        cache = model.new_cache(2, 16)
        parts = [fast(part, cache=cache, last=True).logits for part in (ids[:, :4], *ids[:, 4:].split(1, 1))]
        assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 2
        assert torch.allclose(torch.cat(parts, 1), model(ids).logits[:, 3:], atol=1e-5)
    model.train()
    assert torch.allclose(torch.compile(model.loss, fullgraph=True, backend="eager")(ids), model.loss(ids), atol=1e-6)


def check_gpu(model, ids):
    """The same logits as on the CPU, at once and through the cache."""
    expected = model(ids).logits.detach()
    model.cuda()
    assert torch.allclose(model(ids.cuda()).logits.cpu(), expected, atol=1e-3)
    with torch.no_grad():
        cache = model.new_cache(2)
        parts = [model(part, cache=cache).logits for part in ids.cuda().split(5, 1)]
    assert torch.allclose(torch.cat(parts, 1).cpu(), expected, atol=1e-3)
