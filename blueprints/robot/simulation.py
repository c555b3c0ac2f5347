"""The robot in its simulator: HalfCheetah of Gymnasium on MuJoCo, several copies side by side.

What happens in an episode follows from its seed and from the actions alone: every episode begins
with a reset that leaves nothing of the one before. So no state of the simulator is ever kept.
"""

import functools

import gymnasium
import mujoco
import numpy as np

ROBOT = "HalfCheetah-v5"
OBSERVATIONS, ACTIONS = 17, 6
EPISODE_STEPS = 1000  # 50 seconds of the robot's time; it never falls, so no episode is shorter


@functools.cache
def copies(count):
    """Return the simulators of this process."""
    # MuJoCo finds one word of the robot's description old-fashioned, and says so for each copy.
    mujoco.set_mju_user_warning(lambda _: None)
    try:
        made = [gymnasium.make(ROBOT, disable_env_checker=True) for _ in range(count)]
    finally:
        mujoco.set_mju_user_warning(None)
    # Without its wrappers, which check what we know: the time limit is ours.
    return [simulator.unwrapped for simulator in made]


def run_episodes(act, seeds, steps=EPISODE_STEPS):
    """Play one episode for each seed at the same time.

    `act` takes the step and the observations (episodes, 17), and returns actions (episodes, 6); the
    robot's motors take -1 to 1, what is beyond is cut. Returns observations (steps + 1, episodes,
    17), actions (steps, episodes, 6) and rewards (steps, episodes), metres per second less the
    price of the effort.
    """
    simulators = copies(len(seeds))
    observations = np.empty((steps + 1, len(seeds), OBSERVATIONS))
    actions = np.empty((steps, len(seeds), ACTIONS), np.float32)
    rewards = np.empty((steps, len(seeds)))
    for place, (simulator, seed) in enumerate(zip(simulators, seeds, strict=True)):
        observations[0, place], _ = simulator.reset(seed=int(seed))
    for step in range(steps):
        actions[step] = act(step, observations[step])
        for place, simulator in enumerate(simulators):
            done = simulator.step(np.clip(actions[step, place], -1, 1))
            observations[step + 1, place], rewards[step, place] = done[0], done[1]
    return observations, actions, rewards


def draw_seeds(dice, count):
    """Return seeds of episodes."""
    return dice.integers(2**32, size=count)


class Moments:
    """Mean and variance of all that was seen so far, by which observations are standardised."""

    def __init__(self, kept):
        """Take the three rows that `rows` gave: count, mean, sum of squared distances."""
        self.count, self.mean, self.squares = kept

    @classmethod
    def fresh(cls, size):
        """Return moments that change nothing."""
        return cls(np.array([np.full(size, 1e-4), np.zeros(size), np.full(size, 1e-4)]))

    def rows(self):
        """Return what a checkpoint keeps."""
        return np.array([self.count, self.mean, self.squares])

    @property
    def scale(self):
        return np.sqrt(self.squares / self.count) + 1e-8

    def add(self, values):
        """Take in rows of values (Chan, Golub & LeVeque 1979: two parts make a whole)."""
        count, mean = len(values), values.mean(axis=0)
        total, distance = self.count + count, mean - self.mean
        squares = ((values - mean) ** 2).sum(axis=0)
        self.squares = self.squares + squares + distance**2 * self.count * count / total
        self.mean = self.mean + distance * count / total
        self.count = total

    def standardise(self, values):
        """Return the values with mean 0 and scale 1, far ones cut at 10."""
        return np.clip((values - self.mean) / self.scale, -10, 10)
