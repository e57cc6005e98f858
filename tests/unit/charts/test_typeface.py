"""The font that a page carries, and the room kept for letters that it lacks."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree as ET

import pytest

from ig_tasks.charts import typeface


def parts_of(text: str) -> list[str]:
    """The parts that a page of this text carries, by their own bytes."""
    held = re.findall(r"base64,([^\"]+)\"", typeface.font_faces(text))
    known = {base64.b64encode(file.read_bytes()).decode(): file.stem for file in typeface.FONTS.glob("*.woff2")}
    return [known[one] for one in held]


def test_a_page_carries_the_parts_that_its_letters_need() -> None:
    assert parts_of("Late arrivals: 12 %") == ["regular_latin", "bold_latin"]
    assert parts_of("Час") == ["regular_latin", "bold_latin", "regular_cyrillic", "bold_cyrillic"]
    assert parts_of("中文") == ["regular_latin", "bold_latin"]
    assert sum(len(typeface.font_faces(text)) for text in ("a",)) < 50_000


def test_the_licence_lies_beside_the_fonts() -> None:
    words = (typeface.FONTS / "OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in words
    assert "Red Hat" in words


@pytest.mark.parametrize(
    ("letters", "ems"), [("mmmmmmmmmm", 0.83301), ("iiiiiiiiii", 0.22217), ("ЖЖЖЖЖЖЖЖЖЖ", 0.92383)]
)
def test_a_chart_is_laid_out_with_the_widths_of_the_font(letters: str, ems: float) -> None:
    # The advance of each letter as the font's own table has it.
    import vl_convert

    typeface.register()
    texts = {"type": "text", "encode": {"enter": {"text": {"value": letters}, "fontSize": {"value": 100},
             "font": {"value": typeface.FAMILY}, "x": {"value": 0}, "y": {"value": 100}}}}  # fmt: skip
    spec = {"$schema": "https://vega.github.io/schema/vega/v5.json", "autosize": "pad", "padding": 0, "marks": [texts]}
    root = ET.fromstring(vl_convert.vega_to_svg(spec))  # noqa: S314  our own
    assert float(root.attrib["width"]) == pytest.approx(100 * ems * len(letters), abs=12)


def test_room_is_kept_for_letters_that_the_font_lacks_and_for_no_others() -> None:
    assert typeface.room("Departure delay, Час, Ωρα", 12) == 0
    assert typeface.room("出発", 12) == pytest.approx(2 * 1.05 * 12)
    assert typeface.cut("Departure delay " * 9, 12, 100) == "Departure delay " * 9
    short = typeface.cut("出発の遅れと予定時刻", 12, 80)
    assert short.endswith("…")
    assert typeface.room(short, 12) <= 80
