"""Proximal policy optimisation (Schulman et al. 2017), for one learner at a time.

A learner is a dictionary of arrays. `improve` takes it and gives the next one: a pure function of
the learner, the options, and its number and iteration. So it does not matter in which process it
runs, and a checkpoint is the dictionary.
"""

import numpy as np
import torch
from simulation import ACTIONS, OBSERVATIONS, Moments, draw_seeds, run_episodes

CLIP = 0.2  # how far a policy may leave the one that gathered the data
LAMBDA = 0.95  # generalised advantage estimation (Schulman et al. 2016)
LARGEST_GRADIENT = 0.5
FIRST_LOG_STD = -0.5


def layout(hidden):
    """Return name and shape of every array of the policy (actor) and of its judge (critic)."""
    arrays = []
    for network, outputs in (("actor", ACTIONS), ("critic", 1)):
        widths = (OBSERVATIONS, hidden, hidden, outputs)
        for layer in range(3):
            arrays.append((f"{network}.{layer}.weight", (widths[layer], widths[layer + 1])))
            arrays.append((f"{network}.{layer}.bias", (widths[layer + 1],)))
    return [*arrays, ("actor.log_std", (ACTIONS,))]


def unflatten(theta, hidden):
    """Return the arrays by name; all weights lie in one vector, so that Adam is a few lines."""
    arrays = layout(hidden)
    pieces = theta.split([int(np.prod(shape)) for _, shape in arrays])
    return {name: piece.view(shape) for (name, shape), piece in zip(arrays, pieces, strict=True)}


def begin(options, number):
    """Return a learner that knows nothing yet."""
    dice = np.random.default_rng([options["seed"], 0, number])
    pieces = []
    for name, shape in layout(options["hidden_units"]):
        if name.endswith("weight"):
            # Orthogonal, and small at the end of the actor: it begins with hardly any opinion.
            gain = {"actor.2.weight": 0.01, "critic.2.weight": 1.0}.get(name, np.sqrt(2))
            tall = dice.standard_normal((max(shape), min(shape)))
            q = np.linalg.qr(tall)[0] * gain
            pieces.append((q if shape[0] >= shape[1] else q.T).ravel())
        else:
            pieces.append(np.full(shape, FIRST_LOG_STD if name == "actor.log_std" else 0.0))
    theta = np.concatenate(pieces).astype(np.float32)
    return {
        "theta": theta,
        "adam.mean": np.zeros_like(theta),
        "adam.square": np.zeros_like(theta),
        "observations": Moments.fresh(OBSERVATIONS).rows(),
        "returns": Moments.fresh(1).rows(),
    }


def improve(learner, options, number, iteration):
    """Return the learner after one more iteration, and the returns of the episodes it played."""
    dice = np.random.default_rng([options["seed"], 1, number, iteration])
    seen, worth = Moments(learner["observations"]), Moments(learner["returns"])
    observations, actions, rewards = explore(learner, options, seen, dice)
    steps, episodes = rewards.shape
    # Rewards are measured in typical sums of what is to come, whatever the robot's unit.
    worth.add(running_sums(rewards, options["discount"]).reshape(-1, 1))
    x = torch.from_numpy(seen.standardise(observations).astype(np.float32))
    theta = torch.from_numpy(learner["theta"].copy()).requires_grad_()
    with torch.no_grad():
        weights = unflatten(theta, options["hidden_units"])
        values = forward(weights, "critic", x)[..., 0].numpy().astype(float)
        u = torch.from_numpy(actions)
        log_chances = log_chance(weights, x[:-1], u)
    advantages = estimate_advantages(rewards / worth.scale, values, options["discount"])
    gains = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    batch = {
        "x": x[:-1].reshape(steps * episodes, -1),
        "action": u.reshape(steps * episodes, -1),
        "log_chance": log_chances.reshape(-1),
        "advantage": torch.from_numpy(gains.astype(np.float32)).reshape(-1),
        "target": torch.from_numpy((advantages + values[:-1]).astype(np.float32)).reshape(-1),
    }
    adam = [torch.from_numpy(learner[f"adam.{name}"].copy()) for name in ("mean", "square")]
    fit(theta, adam, batch, options, iteration, dice)
    seen.add(observations[:-1].reshape(-1, OBSERVATIONS))
    return {
        "theta": theta.detach().numpy(),
        "adam.mean": adam[0].numpy(),
        "adam.square": adam[1].numpy(),
        "observations": seen.rows(),
        "returns": worth.rows(),
    }, rewards.sum(axis=0)


def explore(learner, options, seen, dice):
    """Play episodes with actions drawn from the policy."""
    seeds = draw_seeds(dice, options["episodes"])
    shape = (options["horizon"], options["episodes"], ACTIONS)
    noise = dice.standard_normal(shape, np.float32)
    policy = acting(learner, options)
    noise *= np.exp(policy["actor.log_std"])
    return run_episodes(
        lambda step, x: decide(policy, seen, x) + noise[step], seeds, options["horizon"]
    )


def acting(learner, options):
    """Return the weights by name, in NumPy: one step of few robots is too small for torch."""
    pieces = unflatten(torch.from_numpy(learner["theta"]), options["hidden_units"])
    return {name: piece.numpy() for name, piece in pieces.items()}


def decide(policy, seen, observations):
    """Return what the policy would do without noise."""
    hidden = seen.standardise(observations).astype(np.float32)
    for layer in range(2):
        weight, bias = policy[f"actor.{layer}.weight"], policy[f"actor.{layer}.bias"]
        hidden = np.tanh(hidden @ weight + bias)
    return hidden @ policy["actor.2.weight"] + policy["actor.2.bias"]


def forward(weights, network, x):
    """Return the outputs of a network of two hidden layers."""
    for layer in (f"{network}.0", f"{network}.1"):
        x = torch.tanh(x @ weights[f"{layer}.weight"] + weights[f"{layer}.bias"])
    return x @ weights[f"{network}.2.weight"] + weights[f"{network}.2.bias"]


def log_chance(weights, x, actions):
    """Return the logarithm of the density of the actions, up to a constant."""
    log_std = weights["actor.log_std"]
    z = (actions - forward(weights, "actor", x)) * torch.exp(-log_std)
    return -0.5 * (z * z).sum(-1) - log_std.sum()


def running_sums(rewards, discount):
    """Return at each step the discounted sum of the rewards so far, shape (steps, episodes)."""
    sums, total = np.empty_like(rewards), np.zeros(rewards.shape[1])
    for step, reward in enumerate(rewards):
        total = sums[step] = discount * total + reward
    return sums


def estimate_advantages(rewards, values, discount):
    """Return how much better each action was than expected, shape (steps, episodes).

    `values` has one row more than `rewards`: an episode ends because its time is up, not because
    nothing comes after, so that the last value stands for what would have come.
    """
    advantages, ahead = np.empty_like(rewards), np.zeros(rewards.shape[1])
    surprises = rewards + discount * values[1:] - values[:-1]
    for step in reversed(range(len(rewards))):
        ahead = advantages[step] = surprises[step] + discount * LAMBDA * ahead
    return advantages


def fit(theta, adam, batch, options, iteration, dice):
    """Change the weights in place: some passes over the batch, in small pieces."""
    mean, square = adam
    samples, size = len(batch["advantage"]), options["batch_size"]
    pieces = -(-samples // size)
    rate = options["learning_rate"] * (1 - iteration / options["iterations"])
    update = iteration * options["epochs"] * pieces
    for _ in range(options["epochs"]):
        order = torch.from_numpy(dice.permutation(samples))
        for piece in order.split(size):
            (gradient,) = torch.autograd.grad(
                loss_of(theta, {name: rows[piece] for name, rows in batch.items()}, options), theta
            )
            gradient *= min(1.0, LARGEST_GRADIENT / (float(gradient.norm()) + 1e-6))
            update += 1
            with torch.no_grad():  # Adam (Kingma & Ba 2015)
                mean += 0.1 * (gradient - mean)
                square += 0.001 * (gradient * gradient - square)
                correction = (1 - 0.999**update) ** 0.5 / (1 - 0.9**update)
                theta -= rate * correction * mean / (square.sqrt() + 1e-5)


def loss_of(theta, rows, options):
    """Return the clipped objective of the actor and the squared error of the critic."""
    weights = unflatten(theta, options["hidden_units"])
    ratio = torch.exp(log_chance(weights, rows["x"], rows["action"]) - rows["log_chance"])
    gain = rows["advantage"]
    actor = -torch.minimum(ratio * gain, ratio.clamp(1 - CLIP, 1 + CLIP) * gain).mean()
    critic = ((forward(weights, "critic", rows["x"])[:, 0] - rows["target"]) ** 2).mean()
    return actor + 0.5 * critic
