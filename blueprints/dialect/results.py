"""What a run leaves behind: the model, its figures, lines that it wrote, and facts for its card."""

import json
import platform

import numpy as np
import safetensors
import safetensors.torch
import torch
from corpus import read_identification
from evaluate import identify, measure_varieties, render_confusion
from network import write_on
from recipe import code_sha256, hardware_facts, read_blueprint

BLUEPRINT = read_blueprint(__file__)
SAMPLE_TOKENS = 60


def write_results(run, model, corpus, tokenizer, attempt, data):
    """Evaluate on held-out text, beside the baselines, and write what the job leaves behind."""
    seed = run.options["split_seed"]
    print("Measuring on held-out text.", flush=True)
    whole, rows = measure_varieties(model, corpus, tokenizer, seed=seed)
    metrics = {
        "test_records": len(corpus.test),
        "model": {"bits_per_byte": whole["model"]},
        "baseline": {
            "name": "6-gram Kneser-Ney over bytes of the same variety; "
            "naive Bayes over characters for the identification",
            "bits_per_byte": whole["ngram"],
        },
        "other_baselines": {
            "ngram_all": {
                "name": "6-gram Kneser-Ney over bytes of all varieties together",
                "bits_per_byte": whole["ngram_all"],
            },
            "gzip": {"name": "deflate, primed with the variety", "bits_per_byte": whole["gzip"]},
            "xz": {"name": "LZMA2, primed with the variety", "bits_per_byte": whole["xz"]},
        },
        "speed": run.speed() | {"device": device_name(run.processes)},
        "subgroups": {"by": "language variety (bits per byte)", "rows": [flat(r) for r in rows]},
        "varieties": rows,
    }
    weights = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    if found := identify(model, tokenizer, read_identification(data), seed=seed):
        metrics["model"]["identification_accuracy"] = found["model"]
        metrics["baseline"]["identification_accuracy"] = found["baseline"]
        metrics["identification"] = {
            "varieties": found["names"],
            "sentences": found["sentences"],
            "confusion": found["confusion"].tolist(),
        }
        weights |= found["head"]
        attempt.write_output("confusion.csv", render_confusion(found["names"], found["confusion"]))
    # One entry only: the format does not keep an order, and equal runs leave equal files.
    about = {"blueprint": f"{BLUEPRINT['id']}@{BLUEPRINT['version']}"}
    attempt.write_output("model.safetensors", safetensors.torch.save(weights, metadata=about))
    attempt.write_output("tokenizer.json", tokenizer.to_json())
    attempt.write_output("samples.txt", write_samples(model, corpus, tokenizer, run.options))
    attempt.write_output("metrics.json", json.dumps(metrics, indent=1))
    attempt.write_output("facts.json", json.dumps(facts(run, corpus), indent=1))
    for name, value in metrics["model"].items():
        beside = metrics["baseline"][name]["value"]
        span = f"{value['low']:.3f} to {value['high']:.3f}"
        print(f"{name}: {value['value']:.3f} ({span}), baseline {beside:.3f}")


def flat(row):
    """Return the row of a variety with one number for each method, as the model card shows it."""
    return {k: round(v["value"], 3) if isinstance(v, dict) else v for k, v in row.items()}


def device_name(processes):
    """Return what the training ran on."""
    where = torch.cuda.get_device_name() if processes.device.type == "cuda" else "CPU"
    return f"{processes.count} × {where}"


def write_samples(model, corpus, tokenizer, options):
    """Return a line that the model writes by itself in every variety it was measured in."""
    lines = []
    for number in sorted({number for number, _ in corpus.test}):
        dice = torch.Generator().manual_seed(options["seed"] + number)
        tag = tokenizer.tag(number)
        tokens = write_on(model, [tag], length=SAMPLE_TOKENS, dice=dice)
        # Another tag begins another passage, in a language of its own.
        is_own = [token < tokenizer.first_tag or token == tag for token in tokens]
        tokens = tokens[: is_own.index(False)] if False in is_own else tokens
        text = " / ".join(tokenizer.decode(tokens).strip().splitlines())  # of any kind
        lines.append(f"{corpus.varieties[number]}: {text}")
    return "\n".join(lines) + "\n"


def facts(run, corpus):
    """Return what only the training code knows, for the model card and the training record."""
    steps, options = run.options["steps"], run.options
    return {
        "architecture": BLUEPRINT["architecture"],
        "parameters": sum(weight.numel() for weight in run.model.parameters()),
        "params": options,
        "seed": options["seed"],
        "samples": steps * options["batch_size"],
        "records_development": len(corpus.train),
        "records_test": len(corpus.test),
        "varieties": corpus.varieties,
        "flop_useful": run.flop(steps),
        "flop_executed": run.flop(steps + run.steps_redone),
        "flop_method": "architecture: 6 × weights × tokens",
        "code_sha256": code_sha256(__file__),
        "steps": steps,
        "steps_redone": run.steps_redone,
        "data": [
            {
                "name": BLUEPRINT["data"][0]["name"],
                "sha256": corpus.sha256,
                "bytes": corpus.bytes,
            }
        ],
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": str(torch.__version__),
            "safetensors": safetensors.__version__,
        },
        **hardware_facts(run.processes.peak_flop_per_second(), run.processes.count),
    }
