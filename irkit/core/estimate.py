"""How much evidence is to come, as far as that can be told without touching more of a container than a plan does."""

from collections.abc import Iterable

import msgspec


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes before compression, and seconds: `about` so many, at `most` so many more, of unknown size where `is_open`.

    `seconds` is how long it lasts by what it is. All 0: it is small, and over as soon as it can be.
    """

    about: int = 0
    most: int = 0
    is_open: bool = False
    seconds: float = 0.0


SMALL = Estimate()
UNKNOWN = Estimate(is_open=True)


def at_most(size: int) -> Estimate:
    """What a limit bounds, and nothing else is known of."""
    return Estimate(most=size)


def of_image(size: int, *, and_more: bool) -> Estimate:
    """What an image of that size brings (0: not known), `and_more` where what a container wrote comes on top."""
    return Estimate(about=size, is_open=and_more or not size)


def in_all(estimates: Iterable[Estimate]) -> Estimate:
    """Several together; what lasts goes on at the same time."""
    found = list(estimates)
    return Estimate(
        about=sum(one.about for one in found),
        most=sum(one.most for one in found),
        is_open=any(one.is_open for one in found),
        seconds=max((one.seconds for one in found), default=0.0),
    )
