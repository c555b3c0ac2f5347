"""A training that is all bookkeeping: forty steps, of which each changes the weights for good.

Contract tests run it as a job, beside a copy of the `attempt.py` of all blueprints. It keeps each
tenth step; at the step `UNTIL` it waits for whatever ends its attempt.
"""

import hashlib
import os
import sys
import time

from attempt import STOPPED_BEFORE_THE_END, Attempt

TOTAL = 40
attempt = Attempt()
step, weights = 0, b""
kept = attempt.newest_checkpoint()
if kept is not None:
    folder, state = kept
    step, weights = state["step"], (folder / "weights").read_bytes()
begun, until = step, int(os.environ["UNTIL"])


def save(end):
    attempt.save(step=step, files={"weights": weights}, state={"end": end})


while step < TOTAL:
    if attempt.is_stopping:
        save("preempted")
        if step != until:
            sys.stdout.write(f"{begun} to {step}\n")
        sys.exit(STOPPED_BEFORE_THE_END)
    if step == until:
        time.sleep(0.02)
        continue
    weights = hashlib.sha256(weights + bytes([step])).digest()
    step += 1
    if step % 10 == 0:
        save("running")
    attempt.report(step=step, total=TOTAL, metrics={"loss": weights[0] / 255})
    if step == until:
        sys.stdout.write(f"{begun} to {step}\n")
attempt.write_output("model", weights)
save("completed")
