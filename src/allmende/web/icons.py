"""The drawings that stand beside words: 24 by 24, one stroke, our own."""

ICONS = {
    "check": '<path d="M4 12.5l5.2 5.2L20 6.8"/>',
    "cross": '<path d="M6 6l12 12M18 6L6 18"/>',
    "clock": '<circle cx="12" cy="12" r="9"/><path d="M12 7v5.4l3.4 2"/>',
    "run": '<path d="M7 4.5v15l12.5-7.5z"/>',
    "pause": '<path d="M8 5v14M16 5v14"/>',
    "stop": '<rect x="5.5" y="5.5" width="13" height="13"/>',
    "question": '<circle cx="12" cy="12" r="9"/><path d="M9.4 9.3a2.7 2.7 0 1 1 3.7 2.6'
    'c-.8.4-1.1 1-1.1 1.9M12 17.2v.1"/>',
    "warning": '<path d="M12 3.5L22 20.5H2z"/><path d="M12 10v5M12 17.8v.1"/>',
    "pencil": '<path d="M4 20l1-4.5L16.5 4l3.5 3.5L8.5 19z"/>',
    "send": '<path d="M12 20V4M5.5 10.5L12 4l6.5 6.5"/>',
    "ring": '<circle cx="12" cy="12" r="8.5"/>',
    "arrow": '<path d="M4 12h15M13 6l6 6-6 6"/>',
    "back": '<path d="M20 12H5M11 6l-6 6 6 6"/>',
    "download": '<path d="M12 4v11M6.5 10l5.5 5.5L17.5 10M4 20h16"/>',
    "again": '<path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3L20 9.5M20 4v5.5h-5.5"/>',
    "sun": '<circle cx="12" cy="12" r="4.2"/><path d="M12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22'
    'M4.9 4.9l1.8 1.8M17.3 17.3l1.8 1.8M19.1 4.9l-1.8 1.8M6.7 17.3l-1.8 1.8"/>',
    "moon": '<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z"/>',
    "key": '<circle cx="8" cy="15.5" r="4.2"/><path d="M11 12.5L20 3.5M16 7.5l3 3"/>',
    "lock": '<rect x="5" y="11" width="14" height="9"/><path d="M8 11V7.5a4 4 0 0 1 8 0V11"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "leaf": '<path d="M5 19C4 9 10 4 20 4c0 10-5 15-14 14M5 20c2-5 5-8 9-10"/>',
}


def draw_icon(name: str) -> str:
    """Return an icon as SVG; it is decoration, the word beside it carries the meaning."""
    return (
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        f"{ICONS[name]}</svg>"
    )
