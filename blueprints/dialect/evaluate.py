"""How well the model knows each variety, beside what is simpler, and how sure we are."""

import numpy as np
import torch
from baselines import KneserNey, NaiveBayes, gzip_bits, xz_bits
from torch.nn import functional

INTERVAL = (2.5, 97.5)
RESAMPLES = 1000
ROWS_AT_ONCE = 64


def bits_per_byte(bits, sizes, *, seed):
    """Return bits per byte of some passages with a 95 % interval: passages drawn anew."""
    dice = np.random.default_rng([seed, 95])
    draws = dice.integers(len(bits), size=(RESAMPLES, len(bits)))
    return estimate(bits.sum() / sizes.sum(), bits[draws].sum(1) / sizes[draws].sum(1))


def accuracy(is_right, *, seed):
    """Return the share of right answers with its 95 % interval: sentences drawn anew."""
    dice = np.random.default_rng([seed, 95])
    draws = dice.integers(len(is_right), size=(RESAMPLES, len(is_right)))
    return estimate(is_right.mean(), is_right[draws].mean(1))


def estimate(value, resampled):
    """Return a value with the middle 95 % of what other draws would have given."""
    low, high = np.percentile(resampled, INTERVAL)
    return {"value": float(value), "low": float(low), "high": float(high)}


@torch.no_grad()
def model_bits(model, passages):
    """Return the bits of each passage, given as tokens with their tags; the first tag is free.

    Windows overlap by half: every token but those of a passage's start sees at least half a
    context before it.
    """
    context, device = model.turns.shape[1], model.tokens.weight.device
    windows = []  # (passage, tokens, how many of them are seen but not counted)
    for number, tokens in enumerate(passages):
        start = 0
        while True:
            counted = 0 if start == 0 else context // 2
            windows.append((number, tokens[start : start + context + 1], counted))
            if start + context + 1 >= len(tokens):
                break
            start += context - context // 2
    bits = np.zeros(len(passages))
    windows.sort(key=lambda row: len(row[1]))  # rows of one batch are about equally long
    for first in range(0, len(windows), ROWS_AT_ONCE):
        rows = windows[first : first + ROWS_AT_ONCE]
        longest = max(len(tokens) for _, tokens, _ in rows)
        batch = torch.zeros(len(rows), longest, dtype=torch.long)
        counts = torch.zeros(len(rows), longest - 1)
        for row, (_, tokens, skipped) in enumerate(rows):
            batch[row, : len(tokens)] = torch.tensor(tokens)
            counts[row, skipped : len(tokens) - 1] = 1
        logits = model(batch[:, :-1].to(device)).float()
        nats = functional.cross_entropy(
            logits.flatten(0, 1), batch[:, 1:].flatten().to(device), reduction="none"
        )
        sums = (nats.view(len(rows), -1).cpu() * counts).sum(1) / np.log(2)
        for (number, _, _), cost in zip(rows, sums.tolist(), strict=True):
            bits[number] += cost
    return bits


def measure_varieties(model, corpus, tokenizer, *, seed):
    """Return (all varieties together, a row for each): bits per byte of the model and the others.

    Every method has seen the training text of the variety, and scores the same passages.
    """
    everywhere = KneserNey([text for _, text in corpus.train])
    rows, whole = [], {}
    for number, variety in enumerate(corpus.varieties):
        texts = corpus.texts(number, held_out=True)
        if not texts:
            continue
        own = corpus.texts(number, held_out=False)
        known, sizes = "".join(own), np.array([len(text.encode()) for text in texts], float)
        own_ngram = KneserNey(own)
        passages = [tokenizer.encode_passage(number, text) for text in texts]
        bits = {
            "model": model_bits(model, passages),
            "ngram": np.array([own_ngram.bits(text).sum() for text in texts]),
            "ngram_all": np.array([everywhere.bits(text).sum() for text in texts]),
            "gzip": gzip_bits(known, texts),
            "xz": xz_bits(known, texts),
        }
        row = {"group": variety, "train_bytes": len(known.encode()), "test_bytes": int(sizes.sum())}
        row |= {name: bits_per_byte(cost, sizes, seed=seed) for name, cost in bits.items()}
        rows.append(row)
        own_model, simple = row["model"]["value"], row["ngram"]["value"]
        print(f"{variety}: {own_model:.3f} bits per byte, 6-gram {simple:.3f}", flush=True)
        for name, cost in (bits | {"sizes": sizes}).items():
            whole.setdefault(name, []).append(cost)
    joined = {name: np.concatenate(parts) for name, parts in whole.items()}
    sizes = joined.pop("sizes")
    return {name: bits_per_byte(cost, sizes, seed=seed) for name, cost in joined.items()}, rows


@torch.no_grad()
def features(model, tokenizer, sentences):
    """Return what the network holds on average over each sentence: (sentences, width)."""
    context, device = model.turns.shape[1], model.tokens.weight.device
    rows = [tokenizer.encode(sentence)[:context] or [ord(" ")] for sentence in sentences]
    found = torch.zeros(len(rows), model.tokens.weight.shape[1])
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    for first in range(0, len(order), ROWS_AT_ONCE):
        chosen = order[first : first + ROWS_AT_ONCE]
        sizes = torch.tensor([len(rows[row]) for row in chosen])
        batch = torch.zeros(len(chosen), int(sizes.max()), dtype=torch.long)
        for place, row in enumerate(chosen):
            batch[place, : len(rows[row])] = torch.tensor(rows[row])
        held = model.hidden(batch.to(device)).float().cpu()
        inside = torch.arange(batch.shape[1])[None] < sizes[:, None]
        found[chosen] = (held * inside[..., None]).sum(1) / sizes[:, None]
    return found


def fit_head(inputs, labels, classes, *, penalty=1e-3, rounds=100):
    """Return weights and offsets of a multinomial logistic regression on standard inputs."""
    weight = torch.zeros(classes, inputs.shape[1], requires_grad=True)
    offset = torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, offset], max_iter=rounds, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        cost = functional.cross_entropy(inputs @ weight.T + offset, labels)
        cost = cost + penalty * weight.square().sum()
        cost.backward()
        return cost

    optimiser.step(loss)
    return weight.detach(), offset.detach()


def identify(model, tokenizer, parts, *, seed):
    """Return figures and head of dialect identification: learnt on valid, measured on test.

    The network is left as it is; only a linear head on it learns. None without such data.
    """
    names = sorted(set(parts["valid"]) & set(parts["test"]))
    if len(names) < 2:
        return None
    sentences, labels = {}, {}
    for part, most in (("valid", 300), ("test", 500)):
        chosen = [(s, number) for number, v in enumerate(names) for s in parts[part][v][:most]]
        sentences[part] = [sentence for sentence, _ in chosen]
        labels[part] = np.array([number for _, number in chosen])
    inputs = {part: features(model, tokenizer, sentences[part]) for part in sentences}
    mean, scale = inputs["valid"].mean(0), inputs["valid"].std(0) + 1e-6
    standard = {part: (value - mean) / scale for part, value in inputs.items()}
    weight, offset = fit_head(standard["valid"], torch.tensor(labels["valid"]), len(names))
    said = (standard["test"] @ weight.T + offset).argmax(1).numpy()
    bayes = NaiveBayes(sentences["valid"], labels["valid"], len(names))
    baseline = bayes.classify(sentences["test"])
    confusion = np.zeros((len(names), len(names)), int)
    np.add.at(confusion, (labels["test"], said), 1)
    return {
        "names": names,
        "sentences": len(said),
        "model": accuracy(said == labels["test"], seed=seed),
        "baseline": accuracy(baseline == labels["test"], seed=seed),
        "confusion": confusion,
        "head": {
            "identify.mean": mean,
            "identify.scale": scale,
            "identify.weight": weight,
            "identify.offset": offset,
        },
    }


def render_confusion(names, confusion):
    """Return the table as CSV: a row for each true variety, a column for each said one."""
    lines = [",".join(["true", *names])]
    lines += [",".join([name, *map(str, row)]) for name, row in zip(names, confusion, strict=True)]
    return "\n".join(lines) + "\n"
