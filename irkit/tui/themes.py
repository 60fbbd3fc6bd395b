"""The themes of irkit's own, on colours that those who see few of them can tell apart (Okabe and Ito, 2008).

Where a terminal has 16 colours the theme of its own colours is the usual one; what is shown where it may have none is
`no_colours`' subject.
"""

from collections.abc import Mapping
from typing import Final

from rich.console import Console
from textual.theme import Theme

VERMILLION, ORANGE, YELLOW, SKY, GREY = "#D55E00", "#E69F00", "#F0E442", "#56B4E9", "#999999"
USUAL_THEME: Final = "irkit-dark"
FEW_COLOURS: Final = "irkit-ansi"
"""The usual theme where a terminal has 16 colours: its own, on its own background. Blue is left out: on black it is
not read on many terminals."""
_PLAIN: Final = {
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "border": "ansi_default",
    "border-blurred": "ansi_default",
    "block-cursor-foreground": "ansi_black",
    "block-cursor-background": "ansi_cyan",
    "footer-key-foreground": "ansi_cyan",
    "scrollbar": "ansi_cyan",
    "scrollbar-hover": "ansi_cyan",
    "scrollbar-active": "ansi_cyan",
    "scrollbar-background": "ansi_default",
    "scrollbar-background-hover": "ansi_default",
    "scrollbar-background-active": "ansi_default",
}
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
    Theme(
        name=FEW_COLOURS,
        ansi=True,
        primary="ansi_cyan",
        secondary="ansi_default",
        accent="ansi_yellow",
        error="ansi_red",
        warning="ansi_yellow",
        success="ansi_green",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        dark=True,
        variables=_PLAIN,
    ),
)
SEVERITY_SIGNS: Final = {"critical": "C!", "high": "H+", "medium": "M-", "low": "L.", "info": "i."}
"""A letter and a second sign for each severity: none is told by its colour alone."""
SEVERITY_STYLES: Final = {
    "critical": "bold $error",
    "high": "bold $warning",
    "medium": "$severity-medium",
    "low": "$severity-low",
    "info": "$secondary",
}
UNKNOWN_SIGN: Final = "? "


def severity_colours(theme: Theme) -> dict[str, str]:
    """The variables of colours that a theme has no name of its own for."""
    if theme.ansi:
        return {"severity-medium": "ansi_yellow" if theme.dark else "ansi_magenta", "severity-low": "ansi_cyan"}
    return {"severity-medium": YELLOW if theme.dark else "#8A6D00", "severity-low": theme.primary}


def usual_theme(environment: Mapping[str, str], *, is_plain: bool = False) -> str:
    """The theme where nobody asked for one: as many colours as the terminal is said to have (COLORTERM, TERM)."""
    terminal = Console(force_terminal=True, legacy_windows=False, _environ=environment)
    return FEW_COLOURS if is_plain or terminal.color_system in (None, "standard") else USUAL_THEME
