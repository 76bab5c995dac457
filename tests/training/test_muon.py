"""Muon's steps are orthogonal, of AdamW's size, and leave everything else to AdamW."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from amt.training.muon import UPDATE_RMS, Muon, is_hidden, orthogonalize

RATE = 1e-2


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (12, 12)])
def test_singular_values_come_near_one_and_singular_vectors_stay(shape):
    torch.manual_seed(0)
    matrices = torch.randn(3, *shape)
    found = orthogonalize(matrices)
    assert torch.linalg.svdvals(found).sub(1).abs().max() < 0.4
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    between = left.mT @ found @ right.mT
    torch.testing.assert_close(between, torch.diag_embed(between.diagonal(dim1=1, dim2=2)))


def test_a_matrix_of_zeros_stays_one():
    assert orthogonalize(torch.zeros(1, 3, 4)).eq(0).all()


def test_a_step_against_one_gradient_has_the_size_of_adamw():
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(16, 8, 3, 3))
    optimizer = Muon([{"params": [weight], "orthogonal": True}], RATE)
    weight.grad = torch.randn_like(weight)
    against = weight.grad.clone()
    optimizer.step()
    assert weight.detach().square().mean().sqrt().item() == pytest.approx(
        RATE * UPDATE_RMS, rel=0.2
    )
    assert (weight.detach() * against).sum() < 0


def test_parameters_that_are_not_orthogonal_take_the_steps_of_adamw():
    torch.manual_seed(0)
    ours = nn.Linear(4, 3)
    theirs = copy.deepcopy(ours)
    pairs = (
        (Muon(ours.parameters(), RATE), ours),
        (torch.optim.AdamW(theirs.parameters(), RATE), theirs),
    )
    for optimizer, layer in pairs:
        for _ in range(5):
            optimizer.zero_grad()
            layer(torch.ones(2, 4)).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=0, atol=0)


def test_heads_embeddings_biases_and_norms_are_not_hidden():
    network = nn.ModuleDict(
        {"conv": nn.Conv2d(2, 16, 3), "norm": nn.BatchNorm2d(16), "head": nn.Conv2d(16, 5, 1)}
    )
    network.register_parameter("key", nn.Parameter(torch.zeros(16, 1, 88)))
    named = network.named_parameters()
    assert [p.shape for name, p in named if is_hidden(name, p)] == [(16, 2, 3, 3)]
