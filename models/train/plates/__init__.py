"""The one plate renderer: `render_plate` draws a flat plate, `random_plate` invents its text."""

from .renderer import Cell, plate_cells, plate_size_mm, render_plate
from .texts import KINDS, PROVINCES, random_plate
from .typefaces import (
    FontTypeface,
    GlyphTypeface,
    HeldOut,
    Typeface,
    default_typeface,
    glyph_typeface,
    held_out_typeface,
    installed_typefaces,
)

__all__ = [
    "KINDS",
    "PROVINCES",
    "Cell",
    "FontTypeface",
    "GlyphTypeface",
    "HeldOut",
    "Typeface",
    "default_typeface",
    "glyph_typeface",
    "held_out_typeface",
    "installed_typefaces",
    "plate_cells",
    "plate_size_mm",
    "random_plate",
    "render_plate",
]
