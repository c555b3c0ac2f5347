"""How far do the policies run, how sure are we, and how did they learn: figures and a picture."""

import numpy as np

INTERVAL = (2.5, 97.5)
VELOCITY = 8  # the place of the forward velocity among the observations, metres per second


def with_interval(values, *, seed, resamples=2000):
    """Return the mean of values with its 95 % bootstrap interval (percentile)."""
    values = np.asarray(values, float)
    draws = np.random.default_rng([seed, 95]).integers(len(values), size=(resamples, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), INTERVAL)
    return {"value": float(values.mean()), "low": float(low), "high": float(high)}


def measure_episodes(episodes, *, seed):
    """Return the measures of episodes, each a row (return, metres per second)."""
    returns, speeds = np.transpose(episodes)
    return {
        "episode_return": with_interval(returns, seed=seed),
        "metres_per_second": with_interval(speeds, seed=seed),
    }


def summarise(observations, rewards):
    """Return for each episode its return and its mean speed, shape (episodes, 2)."""
    return np.stack([rewards.sum(axis=0), observations[1:, :, VELOCITY].mean(axis=0)], axis=1)


def learning_curves(history, *, seed):
    """Return for each kind of learner the rows (mean, low, high) of every iteration.

    `history` has the mean return of every learner, shape (iterations, kinds, learners); the band
    says how sure the mean over learners is.
    """
    curves = []
    for kind in range(history.shape[1]):
        rows = [with_interval(returns, seed=seed, resamples=500) for returns in history[:, kind]]
        curves.append(np.array([[row["value"], row["low"], row["high"]] for row in rows]))
    return curves


def render_curves(names, curves, steps_each):
    """Return the learning curves as CSV."""
    heads = [f"{name}_{part}" for name in names for part in ("mean", "low", "high")]
    lines = [",".join(["iteration", "steps", *heads])]
    for number, row in enumerate(np.concatenate(curves, axis=1), start=1):
        cells = [str(number), str(number * steps_each), *(f"{cell:.2f}" for cell in row)]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


WIDTH, HEIGHT, MARGIN = 720, 400, 60
COLOURS = ("#0b62a4", "#b3541e")


def draw_curves(names, curves, steps_each):
    """Return a picture (SVG) of the learning curves with their bands."""
    low = min(0.0, *(curve.min() for curve in curves))
    high = max(curve.max() for curve in curves)
    last = len(curves[0]) * steps_each

    def place(step, value):
        x = MARGIN + (WIDTH - 2 * MARGIN) * step / last
        y = HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value - low) / (high - low or 1)
        return f"{x:.1f},{y:.1f}"

    steps = np.arange(1, len(curves[0]) + 1) * steps_each
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for value in np.linspace(low, high, 5):
        (x, y), (end, _) = place(0, value).split(","), place(last, value).split(",")
        parts.append(f'<path d="M{x},{y} H{end}" stroke="#cccccc"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y}" text-anchor="end">{value:.0f}</text>')
    for number, (name, curve) in enumerate(zip(names, curves, strict=True)):
        colour, mean = COLOURS[number], curve[:, 0]
        band = [place(*point) for point in zip(steps, curve[:, 2], strict=True)]
        band += [place(*point) for point in zip(steps[::-1], curve[::-1, 1], strict=True)]
        line = " ".join(place(*point) for point in zip(steps, mean, strict=True))
        parts.append(f'<polygon points="{" ".join(band)}" fill="{colour}" opacity="0.2"/>')
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = MARGIN - 36 + 18 * number
        parts.append(f'<text x="{MARGIN}" y="{y}" fill="{colour}">{name}</text>')
    label = f"simulated steps of one learner (last: {last:,}); return of an episode, 95 % bands"
    parts.append(f'<text x="{MARGIN}" y="{HEIGHT - 20}">{label}</text></svg>')
    return "\n".join(parts) + "\n"
