"""LUTs of a product in LUTs (``sqz_product``) and of the sum that it is added to.

The product is mapped by itself, part by part, so that its cells are the same wherever it stands. Yosys's
estimate of logic cells lets a LUT of two inputs share with one of three or four, and two of two inputs share
one: a lane's sum, of three inputs a bit, takes many of the product's.
"""

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


def product_luts(bits: int, magnitude: int, sums: int) -> float:
    """LUTs of a lane's product, beside a sum of so many bits that shares with it."""
    small, medium = product_cells(bits, magnitude)
    return medium + max(0.0, (small - medium - sums) / 2)
