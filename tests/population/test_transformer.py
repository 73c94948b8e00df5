"""The model: equal to PyTorch's transformer, causal, blind to padding, and no member sees another."""

import math

import pytest
import torch
from scipy.stats import kstest

from support.composing import composed
from warmuplab.data.batches import Batch
from warmuplab.data.tokens import PADDING, START
from warmuplab.population.transformer import Transformer, sinusoidal_positions

VOCABULARY = 40


def make(norm: str, *overrides: str) -> Transformer:
    settings = ("model.width=16", "model.heads=2", "model.depth=2", "model.feed_forward=24", f"model.norm={norm}")
    return Transformer(composed(*settings, *overrides).model, VOCABULARY)


def random_batch(members: int, sentences: int = 5, source: int = 7, target: int = 6, seed: int = 0) -> Batch:
    """Sentences of different lengths, padded."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, VOCABULARY, (members, sentences, source), generator=generator)
    label = torch.randint(3, VOCABULARY, (members, sentences, target), generator=generator)
    for row in range(1, sentences):
        ids[:, row, source - row :] = PADDING
        label[:, row, target - row :] = PADDING
    start = torch.full((members, sentences, 1), START)
    return Batch(ids, torch.cat([start, label[..., :-1]], dim=2), label)


def weights(model: Transformer, *seeds: int) -> torch.Tensor:
    """Initial weights in float64, with norms and biases moved off their initial values."""
    noise = [torch.randn(model.size, generator=torch.Generator().manual_seed(100 + seed)) for seed in seeds]
    return (model.initial_weights(seeds) + 0.05 * torch.stack(noise)).double()


def member(batch: Batch, m: int) -> Batch:
    return Batch(batch.source_MxBxS[m : m + 1], batch.input_MxBxT[m : m + 1], batch.label_MxBxT[m : m + 1])


def torch_reference(model: Transformer, row: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Logits `(B, T, V)` of `torch.nn.Transformer` with the same weights."""
    config = model.config
    named = {name: part[0] for name, part in model.unpack(row[None]).items()}
    peer = torch.nn.Transformer(
        config.width, config.heads, config.depth, config.depth, config.feed_forward, dropout=0.0,
        batch_first=True, norm_first=config.norm == "pre", dtype=torch.float64,
    )  # fmt: skip
    # Torch ends both stacks with a norm in either case.
    if config.norm == "post":
        peer.encoder.norm = None
    if not config.final_norm:
        peer.decoder.norm = None

    def copy_attention(name: str, attention: torch.nn.MultiheadAttention) -> None:
        roles = [f"{name}.{role}" for role in ("query", "key", "value")]
        attention.in_proj_weight.data = torch.cat([named[f"{role}.weight"].T for role in roles])
        attention.in_proj_bias.data = torch.cat([named[f"{role}.bias"][0] for role in roles])
        copy_linear(f"{name}.output", attention.out_proj)

    def copy_linear(name: str, linear: torch.nn.Linear) -> None:
        linear.weight.data, linear.bias.data = named[f"{name}.weight"].T.contiguous(), named[f"{name}.bias"][0]

    def copy_norm(name: str, norm: torch.nn.LayerNorm) -> None:
        norm.weight.data, norm.bias.data = named[f"{name}.norm.gain"][0], named[f"{name}.norm.bias"][0]

    for stack, layers in (("encoder", peer.encoder.layers), ("decoder", peer.decoder.layers)):
        for i, layer in enumerate(layers):
            name = f"{stack}.{i}"
            copy_attention(f"{name}.self", layer.self_attn)
            copy_norm(f"{name}.self", layer.norm1)
            if stack == "decoder":
                copy_attention(f"{name}.cross", layer.multihead_attn)
                copy_norm(f"{name}.cross", layer.norm2)
            copy_linear(f"{name}.feed_forward.upper", layer.linear1)
            copy_linear(f"{name}.feed_forward.lower", layer.linear2)
            copy_norm(f"{name}.feed_forward", layer.norm3 if stack == "decoder" else layer.norm2)
    if peer.encoder.norm is not None:
        copy_norm("encoder", peer.encoder.norm)
    if peer.decoder.norm is not None:
        copy_norm("decoder", peer.decoder.norm)

    def embed(ids_BxT: torch.Tensor) -> torch.Tensor:
        positions = sinusoidal_positions(ids_BxT.shape[1], config.width).double()
        return named["embedding"][ids_BxT] * math.sqrt(config.width) + positions

    source_BxS, input_BxT = batch.source_MxBxS[0], batch.input_MxBxT[0]
    causal = torch.nn.Transformer.generate_square_subsequent_mask(input_BxT.shape[1], dtype=torch.float64)
    padding = source_BxS == PADDING
    state = peer.train()(
        embed(source_BxS), embed(input_BxT), tgt_mask=causal,
        src_key_padding_mask=padding, memory_key_padding_mask=padding,
    )  # fmt: skip
    return state @ named["embedding"].T


@pytest.mark.parametrize("final_norm", ["true", "false"])
@pytest.mark.parametrize("norm", ["post", "pre"])
def test_equals_the_transformer_of_torch(norm: str, final_norm: str) -> None:
    model = make(norm, f"model.final_norm={final_norm}")
    weights_MxP, batch = weights(model, 1, 2), random_batch(2)
    logits = model.logits(weights_MxP, batch)
    losses = model.losses(weights_MxP, batch)
    for m in range(2):
        expected = torch_reference(model, weights_MxP[m], member(batch, m))
        real = batch.label_MxBxT[m] != PADDING
        assert torch.allclose(logits[m].view(expected.shape)[real], expected[real], rtol=1e-9, atol=1e-9)
        loss = torch.nn.functional.cross_entropy(expected[real], batch.label_MxBxT[m][real])
        assert losses[m].item() == pytest.approx(loss.item(), rel=1e-9)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_no_position_sees_a_later_target_token(norm: str) -> None:
    model = make(norm)
    weights_MxP, batch = weights(model, 1), random_batch(1)
    before = model.logits(weights_MxP, batch).view(5, 6, -1)
    changed = batch.input_MxBxT.clone()
    changed[:, 0, 3] = 3 if changed[0, 0, 3] != 3 else 4
    after = model.logits(weights_MxP, Batch(batch.source_MxBxS, changed, batch.label_MxBxT)).view(5, 6, -1)
    assert torch.equal(after[0, :3], before[0, :3])
    assert not torch.allclose(after[0, 3:], before[0, 3:])
    assert torch.equal(after[1:], before[1:])


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_padding_changes_no_loss(norm: str) -> None:
    model = make(norm)
    weights_MxP, batch = weights(model, 1, 2), random_batch(2)

    def widened(ids: torch.Tensor, by: int) -> torch.Tensor:
        return torch.cat([ids, torch.full((*ids.shape[:2], by), PADDING)], dim=2)

    wider = Batch(widened(batch.source_MxBxS, 4), widened(batch.input_MxBxT, 3), widened(batch.label_MxBxT, 3))
    assert torch.allclose(model.losses(weights_MxP, wider), model.losses(weights_MxP, batch), rtol=1e-12)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_the_loss_counts_every_token_once(norm: str) -> None:
    model = make(norm)
    weights_MxP, batch = weights(model, 1), random_batch(1)
    single = [
        Batch(batch.source_MxBxS[:, i : i + 1], batch.input_MxBxT[:, i : i + 1], batch.label_MxBxT[:, i : i + 1])
        for i in range(5)
    ]
    tokens = [int((part.label_MxBxT != PADDING).sum()) for part in single]
    total = sum(model.losses(weights_MxP, part).item() * n for part, n in zip(single, tokens, strict=True))
    assert model.losses(weights_MxP, batch).item() == pytest.approx(total / sum(tokens), rel=1e-12)


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("disturbed", ["weights", "data", "nan"])
def test_a_member_changes_no_other(norm: str, disturbed: str) -> None:
    model = make(norm)

    def outcome(weights_MxP: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        leaf = weights_MxP.clone().requires_grad_()
        losses = model.losses(leaf, batch)
        losses.sum().backward()
        assert leaf.grad is not None
        return losses.detach(), leaf.grad

    weights_MxP, batch = weights(model, 1, 2, 3), random_batch(3)
    loss_before, gradient_before = outcome(weights_MxP, batch)
    if disturbed == "data":
        for ids in (batch.source_MxBxS, batch.input_MxBxT, batch.label_MxBxT):
            ids[1] = torch.where(ids[1] > 3, 3, ids[1])
    else:
        weights_MxP[1] = torch.nan if disturbed == "nan" else weights_MxP[1] * 2
    loss_after, gradient_after = outcome(weights_MxP, batch)
    for m in (0, 2):
        assert torch.equal(loss_after[m], loss_before[m])
        assert torch.equal(gradient_after[m], gradient_before[m])
    assert not torch.equal(loss_after[1], loss_before[1])
    assert loss_after[1].isnan() == (disturbed == "nan")


def test_initial_weights_depend_on_the_seed_alone() -> None:
    model = make("post")
    together = model.initial_weights([4, 9, 4])
    assert torch.equal(together[0], together[2])
    assert torch.equal(together[1], model.initial_weights([9])[0])
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_initial_weights_have_the_stated_distributions(norm: str) -> None:
    """Embedding normal with deviation 1 / sqrt(width); weights uniform within 1 / sqrt(inputs), as torch.nn.Linear
    draws them; biases 0, gains 1."""
    width, feed_forward, vocabulary = 32, 72, 500
    sizes = (f"model.width={width}", f"model.feed_forward={feed_forward}", "model.heads=2", "model.depth=2")
    model = Transformer(composed(*sizes, f"model.norm={norm}", "model.final_norm=true").model, vocabulary)
    named = {name: part[0] for name, part in model.unpack(model.initial_weights([3])).items()}
    kinds: dict[str, list[torch.Tensor]] = {}
    for name, part in named.items():
        kind = name.rpartition(".")[2]
        if kind == "bias":
            assert part.eq(0).all(), name
        elif kind == "gain":
            assert part.eq(1).all(), name
        elif name == "embedding":
            assert part.shape == (vocabulary, width)
            assert kstest(part.flatten().numpy(), "norm", args=(0, width**-0.5)).pvalue > 0.01
            assert part.std().item() == pytest.approx(width**-0.5, rel=0.03)
        else:
            inputs = feed_forward if ".lower." in name else width
            assert part.shape[0] == inputs, name
            bound = inputs**-0.5
            torch.manual_seed(0)
            peer = torch.nn.Linear(inputs, part.shape[1]).weight.detach()
            assert 0.97 * bound < part.abs().max() <= bound, name
            assert part.std().item() == pytest.approx(peer.std().item(), rel=0.1), name
            kinds.setdefault(str(inputs), []).append(part.flatten() / bound)
    for parts in kinds.values():
        assert kstest(torch.cat(parts).numpy(), "uniform", args=(-1, 2)).pvalue > 0.01
        assert len({tuple(part[:20].tolist()) for part in parts}) == len(parts)  # no two are drawn alike


def test_label_smoothing_is_the_published_mixture_and_leaves_the_loss_alone() -> None:
    model = make("pre")
    weights_MxP, batch = weights(model, 1), random_batch(1)
    objective, loss = model.objective(weights_MxP, batch, 0.1)
    log_p = model.logits(weights_MxP, batch)[0].log_softmax(-1)
    label = batch.label_MxBxT[0].flatten()
    real = label != PADDING
    expected = -(0.9 * log_p[real, label[real]] + 0.1 * log_p[real].mean(1)).mean()
    assert objective.item() == pytest.approx(expected.item(), rel=1e-12)
    assert loss.item() == pytest.approx(model.losses(weights_MxP, batch).item(), rel=1e-12)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_decoding_step_by_step_gives_the_logits_of_the_whole_target(norm: str) -> None:
    model = make(norm)
    rows, batch = weights(model, 1, 2), random_batch(members=2)
    whole = model.logits(rows, batch).unflatten(1, batch.input_MxBxT.shape[1:])
    memory = model.memory(rows, batch.source_MxBxS)
    assert memory.shape == (*batch.source_MxBxS.shape, 16)
    for length in range(1, batch.input_MxBxT.shape[2] + 1):
        logits = model.next_logits(rows, batch.source_MxBxS, memory, batch.input_MxBxT[:, :, :length])
        torch.testing.assert_close(logits, whole[:, :, length - 1], rtol=1e-10, atol=1e-12)
