"""Drawn environmental registration codes of machines (环保登记编码): labels, painted and stencilled, and their wear.

There are no real pictures of such codes here: everything that is learned and measured rests on these drawings.
"""

from .renderer import CODE_HEIGHT_PX, CODE_WIDTH_PX, HELD_OUT, TRAINED, CodeRenderer
from .texts import ALPHABET, random_code

__all__ = ["ALPHABET", "CODE_HEIGHT_PX", "CODE_WIDTH_PX", "HELD_OUT", "TRAINED", "CodeRenderer", "random_code"]
