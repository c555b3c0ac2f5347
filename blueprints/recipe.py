"""What every recipe does alike: read its parameters, go on from a checkpoint, hash its files."""

import argparse
import hashlib
import os
import sys
import tomllib
import traceback
from pathlib import Path

# Operations per second of one device on dense matrices in bfloat16, by the makers' data sheets;
# more special names first. torch counts each half of an MI250X as a device.
PEAK_FLOP_PER_SECOND = {
    "B200": 2250e12,
    "GH200": 989e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "A40": 150e12,
    "A10": 125e12,
    "MI250X": 191.5e12,
    "MI300A": 980.6e12,
    "MI300X": 1307.4e12,
}


def read_blueprint(script):
    """Return the manifest of the blueprint that a script belongs to."""
    return tomllib.loads((Path(script).parent / "blueprint.toml").read_text())


def read_options(blueprint, about, arguments, find_problem=lambda options: None):  # noqa: ARG005
    """Return the parameters: defaults of the blueprint, and what the command line changes."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0], allow_abbrev=False)
    for name, param in blueprint["params"].items():
        kind = {"integer": int, "number": float}[param["type"]]
        parser.add_argument(f"--{name}", type=kind, default=param["default"])
    options = vars(parser.parse_args(arguments))
    for name, param in blueprint["params"].items():
        if not param["min"] <= options[name] <= param["max"]:
            parser.error(f"--{name} lies between {param['min']} and {param['max']}")
    if problem := find_problem(options):
        parser.error(problem)
    return options


def go_on(run, attempt, load, *, options, differs="other parameters"):
    """Let a run go on from its newest complete checkpoint, if there is one.

    `load` takes back, from folder and state, what the recipe keeps of a run.
    """
    seen, found = attempt.last_reported_step(), attempt.newest_checkpoint()
    if found:
        folder, state = found
        # A parameter that the checkpoint does not know is newer than it: it was at its default.
        params = read_blueprint(__file__)["params"]
        then = {name: params[name]["default"] for name in params if name in options}
        if then | state["options"] != options:
            sys.exit(f"The checkpoint {folder} was made with {differs}. Start a new job.")
        load(folder, state)
        run.steps_redone = state["steps_redone"]
    # Work after the checkpoint is done twice: executed, but not useful.
    run.steps_redone += max(0, seen - run.step)
    if found or seen:
        print(f"Attempt {attempt.number} goes on at step {run.step:,}.", flush=True)


def state_of(run, *, end):
    """Return what a checkpoint says of a run, for `go_on` and the platform; `end`: why it ends."""
    return {
        "end": end,
        "options": run.options,
        "seed": run.options["seed"],
        "flop": run.flop(run.step + run.steps_redone),
        "steps_redone": run.steps_redone,
    }


def leave_at_once(main):
    """Run a program, and end this process without Python's cleaning up: torch fails in it at times.

    Where several processes trained together it aborts ("terminate called without an active
    exception"), or waits for itself for ever where DDP is the last to hold their group. So all
    that ends a program comes here, an error, too, and a group that DDP holds is left as it is.
    """
    try:
        code = main()
    except SystemExit as told:
        code = told.code
    except BaseException:  # noqa: BLE001 - told below
        code = traceback.format_exc()
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


def find_peak_flop_per_second(device):
    """Return the peak of a device by the name that its driver gives it, None where it is unknown.

    Names are compared word by word, for an "RTX A4000" is no "A40".
    """
    said = f" {device.replace('-', ' ')} "
    return next((peak for name, peak in PEAK_FLOP_PER_SECOND.items() if f" {name} " in said), None)


def hardware_facts(peak_flop_per_second, devices):
    """Return what the facts say of the hardware: the peak of one device, where it is known.

    How much of it was used is left to the record's assumption: derived from our own count of
    operations it would agree with that count whatever it is, and prove nothing.
    """
    if not peak_flop_per_second:
        return {}
    return {"hardware": {"peak_teraflops": peak_flop_per_second / devices / 1e12}}


def code_sha256(script):
    """Return one hash over the files of a script's blueprint, by name and content."""
    digest = hashlib.sha256()
    for path in sorted(Path(script).parent.iterdir()):
        if path.is_file():
            digest.update(
                f"{path.name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode()
            )
    return digest.hexdigest()
