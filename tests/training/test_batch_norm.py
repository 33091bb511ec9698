"""Tests of `infmap.training.batch_norm`."""

import torch

from infmap.training.batch_norm import BatchNormStats


def test_every_micro_batch_starts_from_the_same_statistics():
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(1)).train()
    statistics = BatchNormStats(network)
    norm, films = network[0], torch.rand(3, 4, 1, 8, 8)
    expected = []
    for batch in films:
        alone = torch.nn.BatchNorm2d(1).train()
        alone(batch)
        expected.append(alone.running_mean)
    statistics.begin()
    for batch in films:
        statistics.rewind()
        network(batch)
        statistics.add()
    for total in statistics.sums:
        total /= 3
    statistics.keep()
    assert torch.allclose(norm.running_mean, torch.stack(expected).mean(dim=0))
    assert int(norm.num_batches_tracked) == 1
