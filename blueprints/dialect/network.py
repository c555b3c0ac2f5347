"""A small GPT: rotary positions, RMSNorm, SwiGLU, no biases, input and output share their table."""

import torch
from torch import nn
from torch.nn import functional


class Gpt(nn.Module):
    """Says for each token what the next may be. Width = heads × head_size."""

    def __init__(self, options, vocabulary):
        super().__init__()
        width = options["heads"] * options["head_size"]
        self.tokens = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(options, width) for _ in range(options["layers"]))
        self.norm = nn.RMSNorm(width)
        turns = rotary_turns(options["context"], options["head_size"])
        self.register_buffer("turns", turns, persistent=False)
        self._draw_weights(options)

    def _draw_weights(self, options):
        # Drawn on the CPU from the seed alone: every process begins with the same weights.
        dice = torch.Generator().manual_seed(options["seed"])
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.02, generator=dice)
            if name.endswith(("mix.weight", "down.weight")):  # each adds to the same stream
                weight.data /= (2 * options["layers"]) ** 0.5

    def forward(self, tokens):
        """Return logits (batch, time, vocabulary) for tokens (batch, time)."""
        return functional.linear(self.hidden(tokens), self.tokens.weight)

    def hidden(self, tokens):
        """Return what the network holds at each place: (batch, time, width)."""
        x = self.tokens(tokens)
        turns = self.turns[:, : tokens.shape[1]]
        for block in self.blocks:
            x = block(x, turns)
        return self.norm(x)


class Block(nn.Module):
    """Attention looks back, the gated layer thinks about it; each adds to what is there."""

    def __init__(self, options, width):
        super().__init__()
        self.heads = options["heads"]
        self.attention_norm, self.gate_norm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.look = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, 3 * width, bias=False)
        self.up = nn.Linear(width, 3 * width, bias=False)
        self.down = nn.Linear(3 * width, width, bias=False)
        self.drop = nn.Dropout(options["dropout"])  # so that it cannot learn text by heart

    def forward(self, x, turns):
        """Return x (batch, time, width) with what this block adds."""
        x = x + self.drop(self.attend(self.attention_norm(x), turns))
        calm = self.gate_norm(x)
        return x + self.drop(self.down(functional.silu(self.gate(calm)) * self.up(calm)))

    def attend(self, x, turns):
        """Return for each place a mix of what stands before it."""
        batch, time, width = x.shape
        parts = self.look(x).view(batch, time, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key = rotate(parts[0], turns), rotate(parts[1], turns)
        seen = functional.scaled_dot_product_attention(query, key, parts[2], is_causal=True)
        return self.mix(seen.transpose(1, 2).reshape(batch, time, width))


def rotary_turns(context, head_size):
    """Return cosine and sine (2, context, head_size / 2) of the rotary positions (Su et al.)."""
    speeds = 10_000.0 ** (-torch.arange(0, head_size, 2) / head_size)
    angles = torch.outer(torch.arange(context), speeds)
    return torch.stack([angles.cos(), angles.sin()])


def rotate(x, turns):
    """Turn pairs of numbers by their position, so that a product depends on the distance alone."""
    cosine, sine = turns.to(x.dtype)
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cosine - right * sine, left * sine + right * cosine], dim=-1)


def weight_decay_groups(model, decay):
    """Return groups for the optimiser: matrices are pulled towards zero, norms are not."""
    weights = list(model.parameters())
    return [
        {"params": [w for w in weights if w.dim() > 1], "weight_decay": decay},
        {"params": [w for w in weights if w.dim() == 1], "weight_decay": 0.0},
    ]


@torch.no_grad()
def write_on(model, tokens, *, length, dice, temperature=0.8, choices=40):
    """Return tokens written after those given, drawn from the most likely ones (top-k)."""
    tokens, context = list(tokens), model.turns.shape[1]
    device = model.tokens.weight.device
    for _ in range(length):
        window = torch.tensor([tokens[-context:]], device=device)
        logits = model(window)[0, -1].float().cpu() / temperature
        best = logits.topk(min(choices, len(logits)))
        drawn = torch.multinomial(best.values.softmax(-1), 1, generator=dice)
        tokens.append(int(best.indices[drawn]))
    return tokens
