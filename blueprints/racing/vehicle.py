"""The car: a point with grip, engine, wings and drag; how fast it can go, and a lap at the wheel.

All arrays have the points (or moments) first and the laps second, so that many laps are driven at
the same time. Metres, seconds, radians; forces are per kilogram.
"""

import numpy as np

GRAVITY = 9.81
GRIP = 1.3  # friction of the tyres: of a touring car on slicks
WINGS_PER_METRE = 0.002  # grip gained by downforce, times speed squared
DRAG_PER_METRE = 0.0007  # deceleration by drag, times speed squared
ENGINE_WATTS_PER_KG = 350.0
STEERING_SECONDS = 0.08  # how long the wheels take to follow the hand
FASTEST = (ENGINE_WATTS_PER_KG / DRAG_PER_METRE) ** (1 / 3)


def grip_at(speed):
    """Return the acceleration that the tyres can give in all directions together."""
    return GRIP * GRAVITY + WINGS_PER_METRE * speed**2


def speed_limit(curvature):
    """Return the speed at which a bend takes all grip, at most the car's fastest."""
    spare = np.maximum(np.abs(curvature) - WINGS_PER_METRE, 1e-9)
    return np.minimum(np.sqrt(GRIP * GRAVITY / spare), FASTEST)


def along(speed, curvature):
    """Return the grip that a bend leaves for the engine and the brakes (friction circle)."""
    grip = grip_at(speed)
    return np.sqrt(np.maximum(grip**2 - (speed**2 * curvature) ** 2, 0))


def speed_profile(curvature, way):
    """Return the highest speed at each point of closed lines, arrays (points, lines).

    Once forward, no faster than engine and grip allow, once backward, no faster than the brakes
    can still help; one lap and a half each, so that the start fits the end.
    """
    points, limit = len(curvature), speed_limit(curvature)
    square = limit**2
    for step in range(points + points // 2):
        here, there = step % points, (step + 1) % points
        speed = np.sqrt(square[here])
        push = np.minimum(along(speed, curvature[here]), ENGINE_WATTS_PER_KG / speed)
        push -= DRAG_PER_METRE * square[here]
        square[there] = np.minimum(square[there], square[here] + 2 * way[here] * push)
    for step in range(points + points // 2):
        here = -step % points
        before = here - 1
        brake = along(np.sqrt(square[here]), curvature[here]) + DRAG_PER_METRE * square[here]
        square[before] = np.minimum(square[before], square[here] + 2 * way[before] * brake)
    return np.sqrt(square)


def lap_seconds(speed, way):
    """Return the time of a lap of each line."""
    return (2 * way / (speed + np.roll(speed, -1, axis=0))).sum(axis=0)


def drive(line, low, high, caution=0.95, tick=0.01):
    """Drive closed lines with hands that lag and tyres that slip; what was planned may fail.

    `line` has `curvature`, `way`, `speed` and `offset`, arrays (points, laps); `low` and `high` are
    the offsets at which the car leaves the track. Speeds are planned times `caution`. The driver
    steers by the bend that comes and by the error; where the tyres cannot follow, the car
    goes wide. Returns seconds of the flying lap and of it outside, and the farthest error, (laps,).
    """
    ends = np.cumsum(line["way"], axis=0)
    length, laps = ends[-1], np.arange(ends.shape[1])
    place, error, heading = np.zeros(len(laps)), np.zeros(len(laps)), np.zeros(len(laps))
    speed, wheel = caution * line["speed"][0], line["curvature"][0].copy()
    seconds, outside, farthest = np.zeros(len(laps)), np.zeros(len(laps)), np.zeros(len(laps))
    point, patience = np.zeros(len(laps), int), 4 * lap_seconds(line["speed"], line["way"]).max()
    while (going := place < length).any():
        way = line["way"][point, laps]
        share = 1 - (ends[point, laps] - place) / way
        # The hand is ahead of the wheels by as much as they lag.
        jump, rest = np.divmod(share + speed * STEERING_SECONDS / way, 1)
        coming = between(line["curvature"], (point + jump.astype(int)) % len(ends), laps, rest)
        bend, wanted, offset, left, right = (
            between(rows, point, laps, share)
            for rows in (line["curvature"], line["speed"], line["offset"], high, low)
        )
        hand = coming - 0.02 * error - 0.25 * heading
        wheel += (hand - wheel) * tick / STEERING_SECONDS
        grip = grip_at(speed)
        turn = np.clip(wheel, -grip / speed**2, grip / speed**2)
        spare = np.sqrt(np.maximum(grip**2 - (speed**2 * turn) ** 2, 0))
        asked = (caution * wanted - speed) / 0.1
        push = np.clip(asked, -spare, np.minimum(spare, ENGINE_WATTS_PER_KG / speed))
        step = speed * np.cos(heading) / (1 - error * bend) * tick
        error = error + speed * np.sin(heading) * tick
        heading = heading + speed * turn * tick - bend * step
        speed = np.maximum(speed + (push - DRAG_PER_METRE * speed**2) * tick, 5)
        position = offset + error
        seconds += tick * going
        outside += tick * going * ((position > left) | (position < right))
        farthest = np.where(going, np.maximum(farthest, np.abs(error)), farthest)
        place = np.where(going, place + np.maximum(step, 0), place)
        point = np.minimum(point + (place >= ends[point, laps]), len(ends) - 1)
        if seconds.max() > patience:  # spun away: such a lap counts as outside to its end
            return seconds, np.where(going, seconds, outside), farthest
    return seconds, outside, farthest


def between(rows, point, laps, share):
    """Return values between the points of each lap."""
    following = (point + 1) % len(rows)
    return rows[point, laps] * (1 - share) + rows[following, laps] * share
