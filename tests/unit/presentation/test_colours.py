"""One colour for what raises and one for what lowers, that every reader tells apart and can read."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import ig_tasks
from ig_tasks.presentation import colours

# Machado, Oliveira and Fernandes (2009): what is seen without one kind of cone, in linear red, green and blue.
SEEN = {
    "all cones": np.eye(3),
    "protanopia": np.array([
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998],
    ]),
    "deuteranopia": np.array([
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
    ]),
    "tritanopia": np.array([
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900],
    ]),
}  # fmt: skip
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def linear(colour: str) -> np.ndarray:
    parts = np.array(colours.rgb(colour)) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    """CIELAB under D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ light
    ratio = xyz / np.array([0.95047, 1.0, 1.08883])
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    first, second = (float(LUMINANCE @ linear(colour)) + 0.05 for colour in (one, other))
    return max(first, second) / min(first, second)


@pytest.mark.parametrize("kind", SEEN)
def test_raises_and_lowers_are_told_apart_by_every_reader(kind: str) -> None:
    one, other = (lab(np.clip(SEEN[kind] @ linear(colour), 0, 1)) for colour in (colours.RAISES, colours.LOWERS))
    # A difference of 2 can just be seen.
    assert np.linalg.norm(one - other) > 40


@pytest.mark.parametrize("colour", [colours.RAISES, colours.LOWERS])
def test_they_are_read_on_paper_and_on_a_dark_terminal(colour: str) -> None:
    assert contrast(colour, "#ffffff") >= 4.5
    assert contrast(colour, "#000000") >= 3


def test_numbers_are_read_on_the_darkest_cell() -> None:
    assert contrast(colours.INK, colours.MIDDLE) >= 4.5


def test_no_colour_is_set_anywhere_else() -> None:
    package = Path(ig_tasks.__file__).parent
    files = [file for ending in ("py", "css", "html") for file in package.rglob(f"*.{ending}")]
    assert len(files) > 100
    elsewhere = [
        f"{file.relative_to(package)}: {found}"
        for file in files
        if file.name != "colours.py"
        for found in re.findall(r"[\"\s:(]#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b", file.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []


@pytest.mark.parametrize("palette", [colours.LIGHT, colours.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "soft", "accent", "raises", "lowers", "good", "care", "bad", "faint"])
def test_words_are_read_on_light_and_dark_pages_panels_and_alarms(palette: dict[str, str], name: str) -> None:
    assert contrast(palette[name], palette["paper"]) >= 4.5
    assert contrast(palette[name], palette["panel"]) >= 4.5
    assert contrast(palette[name], palette["alarm"]) >= 4.5


@pytest.mark.parametrize("palette", [colours.LIGHT, colours.DARK], ids=["light", "dark"])
def test_figures_are_read_on_the_darkest_and_the_lightest_cell_and_on_alarms(palette: dict[str, str]) -> None:
    assert min(contrast(palette["ink"], palette[name]) for name in ("middle", "pale", "alarm")) >= 4.5


@pytest.mark.parametrize("kind", SEEN)
def test_raises_and_lowers_are_told_apart_on_a_dark_page_too(kind: str) -> None:
    one, other = (lab(np.clip(SEEN[kind] @ linear(colours.DARK[name]), 0, 1)) for name in ("raises", "lowers"))
    assert np.linalg.norm(one - other) > 40


@pytest.mark.parametrize("kind", SEEN)
@pytest.mark.parametrize("palette", [colours.LIGHT, colours.DARK], ids=["light", "dark"])
def test_lines_are_told_apart_by_every_reader_and_read_as_words(palette: dict[str, str], kind: str) -> None:
    lines = [palette["accent"], *(colour for name, colour in palette.items() if name.startswith("line-"))]
    assert len(lines) == len(colours.LINES)
    seen = [lab(np.clip(SEEN[kind] @ linear(colour), 0, 1)) for colour in lines]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 12
    assert min(contrast(colour, palette["paper"]) for colour in lines) >= 4.5
