"""The memory-flat reading of the head against the plain one."""

from __future__ import annotations

import pytest
import torch

from deepsuper.inside import entropy
from deepsuper.inside.entropy import read, read_states
from deepsuper.inside.states import encode_texts, layer_states, make_batches
from deepsuper.method.lens import Lens
from tiny import make_model, make_tokenizer


@pytest.mark.parametrize("softcap", [None, 3.0])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_entropy_and_mass_equal_the_plain_ones(softcap, scale, monkeypatch):
    monkeypatch.setattr(entropy, "ROWS", 5)
    monkeypatch.setattr(entropy, "WORDS", 7)
    torch.manual_seed(0)
    h, weight = 3.0 * torch.randn(17, 8, dtype=torch.float64), torch.randn(50, 8, dtype=torch.float64)
    groups = torch.nn.functional.one_hot(torch.randint(3, (50,)), 3).double()
    logits = scale * h @ weight.T
    if softcap is not None:
        logits = torch.tanh(logits / softcap) * softcap
    p = logits.softmax(dim=1)
    got = read(h, weight, groups=groups, softcap=softcap, scale=scale)
    torch.testing.assert_close(got.entropy.double(), torch.special.entr(p).sum(dim=1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(got.mass.double(), p @ groups, rtol=1e-4, atol=1e-6)


def test_a_uniform_word_has_log_v_and_a_certain_one_none():
    weight = torch.eye(16)
    assert read(torch.zeros(1, 16), weight).entropy.item() == pytest.approx(torch.tensor(16.0).log().item(), abs=1e-6)
    assert read(200.0 * torch.eye(16)[:1], weight).entropy.item() == 0.0


def test_no_row_of_logits_is_ever_whole(monkeypatch):
    sizes = []
    original = torch.Tensor.amax

    def spy(self, *args, **kwargs):
        sizes.append(tuple(self.shape))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, "amax", spy)
    read(torch.randn(600, 4), torch.randn(10_000, 4))
    assert max(rows for rows, _ in sizes) == entropy.ROWS and max(words for _, words in sizes) == entropy.WORDS
    assert sum(rows * words for rows, words in sizes) == 600 * 10_000


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma2", "gemma3"])
def test_entropy_at_every_layer_is_that_of_the_lens_and_at_the_last_of_the_model(family):
    model, tokenizer = make_model(family).eval(), make_tokenizer()
    (batch,) = make_batches(encode_texts(tokenizer, ["some words", "a longer line of words"]))
    states, lens = layer_states(model, batch), Lens(model)
    assert len(states) == 5
    own = model(input_ids=batch.ids, attention_mask=batch.attention).logits
    with torch.no_grad():
        for layer, h in enumerate(states):
            logits = lens.logits(h, layer)[batch.counted]
            if layer == 4:
                torch.testing.assert_close(logits, own[batch.counted], rtol=1e-4, atol=1e-5)
            plain = torch.special.entr(logits.softmax(dim=-1)).sum(dim=-1)
            got = read_states(lens, lens.states(h[batch.counted], layer, norm=True, train=True)).entropy
            torch.testing.assert_close(got, plain, rtol=1e-4, atol=1e-5)


def test_padding_and_batching_change_no_state():
    model, tokenizer = make_model("llama").eval(), make_tokenizer()
    texts = encode_texts(tokenizer, ["some words", "a much longer line of words", "two"])
    alone = {b.order[0]: layer_states(model, b) for b in make_batches(texts, tokens=1)}
    (together,) = make_batches(texts)
    states = layer_states(model, together)
    for row, n in enumerate(together.order):
        length = len(texts[n].ids)
        for a, b in zip(alone[n], states, strict=True):
            torch.testing.assert_close(a[0], b[row, :length], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("positions", "counted"), [("text", "0111"), ("inner", "0011"), ("all", "1111")])
def test_which_positions_count(positions, counted):
    (text,) = encode_texts(make_tokenizer(), ["abc"], positions=positions)
    assert "".join(str(int(flag)) for flag in text.counted) == counted


def test_a_text_that_the_length_limit_leaves_empty_is_named():
    with pytest.raises(ValueError, match="text 1: keeps no token that counts within max_length 2: raise it"):
        encode_texts(make_tokenizer(), ["abc"], positions="inner", max_length=2)


def test_a_text_of_one_token_is_named():
    with pytest.raises(ValueError, match="sentence 2: 'b' has 1 tokens: need two or more"):
        encode_texts(make_tokenizer(), ["ab", "b"], named="sentence")
