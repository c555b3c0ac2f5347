"""A picture (SVG) of one lap: the edges, the line, and the speed on it as colour."""

import numpy as np
from tracks import HALF_CAR_METRES, POINTS

SIZE, MARGIN = 760, 50


def draw_lap(track, offsets, speed, caption):
    """Return the picture of one line of one track; `speed` in m/s, slow is red, fast is blue."""
    line = track.centre + offsets[:, None] * track.normal
    edges = [
        track.centre + (side[:, None] * track.normal)
        for side in (track.low - HALF_CAR_METRES, track.high + HALF_CAR_METRES)
    ]
    corner = np.min(edges, axis=(0, 1))
    scale = (SIZE - 2 * MARGIN) / (np.max(edges, axis=(0, 1)) - corner).max()

    def place(points):
        x, y = ((points - corner) * scale + MARGIN).T
        return [f"{a:.1f},{SIZE - b:.1f}" for a, b in zip(x, y, strict=True)]

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE + 30}" '
        'font-family="sans-serif" font-size="14">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    parts += [
        f'<polygon points="{" ".join(place(edge))}" fill="none" stroke="#888888"/>'
        for edge in edges
    ]
    where = place(line)
    share = (speed - speed.min()) / (np.ptp(speed) or 1)
    for number in range(0, POINTS, 4):
        piece = " ".join(where[(number + step) % POINTS] for step in range(5))
        hue = int(220 * share[number])
        parts.append(
            f'<polyline points="{piece}" fill="none" stroke="hsl({hue},85%,40%)" stroke-width="3"/>'
        )
    slow, fast = (f"{value * 3.6:.0f}" for value in (speed.min(), speed.max()))
    text = f"{caption}; {slow} km/h (red) to {fast} km/h (blue)"
    parts.append(f'<text x="{MARGIN}" y="{SIZE + 10}">{text}</text></svg>')
    return "\n".join(parts) + "\n"
