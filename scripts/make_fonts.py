"""Make the fonts of pages and charts from Liberation Sans: python scripts/make_fonts.py FOLDER_OF_TTF_FILES

The licence reserves the name Liberation for the unchanged fonts, so the parts have a name of their own. A chart is laid
out with the whole TrueType file; a page holds those WOFF2 parts whose characters it needs. Needs fonttools and brotli.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from ig_tasks.charts.typeface import FAMILY, FONTS, PARTS


def characters(ranges: list[tuple[int, int]]) -> set[int]:
    return {code for first, last in ranges for code in range(first, last + 1)}


def part(source: Path, codes: set[int], weight: str, to: Path) -> None:
    options = Options(
        layout_features=["kern", "mark", "mkmk"],
        hinting=False,
        notdef_outline=True,
        name_IDs=[0, 1, 2, 3, 4, 6, 13, 14],
    )
    options.drop_tables += ["FFTM"]
    options.flavor = "woff2" if to.suffix == ".woff2" else None
    font = TTFont(source, recalcTimestamp=False)  # the same bytes whenever it is made
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    full = f"{FAMILY} {weight}"
    for number, words in {1: FAMILY, 2: weight, 3: full, 4: full, 6: full.replace(" ", "")}.items():
        for record in font["name"].names:
            if record.nameID == number:
                record.string = words
    font.flavor = options.flavor
    font.save(to)


def main(folder: Path) -> None:
    FONTS.mkdir(exist_ok=True)
    for weight in ("Regular", "Bold"):
        source = folder / f"LiberationSans-{weight}.ttf"
        known = set(TTFont(source).getBestCmap())
        wanted = {name: characters(ranges) & known for name, ranges in PARTS.items()}
        part(source, set().union(*wanted.values()), weight, FONTS / f"{weight.lower()}.ttf")
        for name, codes in wanted.items():
            part(source, codes, weight, FONTS / f"{weight.lower()}_{name}.woff2")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
