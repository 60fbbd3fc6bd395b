"""The themes of irkit's own, on colours that those who see few of them can tell apart (Okabe and Ito, 2008)."""

from typing import Final

from textual.theme import Theme

VERMILLION, ORANGE, YELLOW, SKY, GREY = "#D55E00", "#E69F00", "#F0E442", "#56B4E9", "#999999"
USUAL_THEME: Final = "irkit-dark"
THEMES: Final = (
    Theme(
        name=USUAL_THEME,
        primary=SKY,
        secondary=GREY,
        accent=ORANGE,
        error=VERMILLION,
        warning=ORANGE,
        success="#009E73",
        foreground="#E4E4E4",
        background="#121212",
        surface="#1C1C1C",
        panel="#262626",
        dark=True,
    ),
    Theme(
        name="irkit-light",
        primary="#0072B2",
        secondary="#6B6B6B",
        accent="#8A5A00",
        error="#B34700",
        warning="#8A5A00",
        success="#00634A",
        foreground="#1A1A1A",
        background="#FFFFFF",
        surface="#F4F4F4",
        panel="#E6E6E6",
        dark=False,
    ),
)
SEVERITY_SIGNS: Final = {"critical": "C!", "high": "H+", "medium": "M-", "low": "L.", "info": "i."}
"""A letter and a second sign for each severity: none is told by its colour alone."""
SEVERITY_STYLES: Final = {
    "critical": f"bold {VERMILLION}",
    "high": f"bold {ORANGE}",
    "medium": YELLOW,
    "low": SKY,
    "info": GREY,
}
UNKNOWN_SIGN: Final = "? "
