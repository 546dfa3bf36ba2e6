"""LUTs of a product in LUTs (``sqz_product``): mapped by itself, they are the same wherever it stands."""

from __future__ import annotations

from typing import NamedTuple


class Cells(NamedTuple):
    """LUTs of two inputs, and of three and four."""

    small: int
    medium: int


def product_cells(bits: int, magnitude: int) -> Cells:
    """What a product is made of: adders for two bits of the magnitude each, and those that join them.

    A pair's adder chooses as well (four inputs a bit), and has a bit of carry beside each; one that joins two
    parts adds as many bits as the pixel has.
    """
    pairs, single = divmod(magnitude, 2)
    joins = pairs + single - 1
    return Cells(pairs * (bits + 1) + single * bits + joins * bits, pairs * (bits - 1))
