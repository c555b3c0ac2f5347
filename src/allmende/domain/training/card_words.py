"""What the recipes of the factory say in a model card, known by its English words."""

from allmende.domain.basics.sentences import Sentence

HEARTBEATS = "NSVFQ"  # the classes of ANSI/AAMI EC57
MEASURES = {
    "auroc": Sentence("AUROC"),
    "balanced_accuracy": Sentence("Balanced accuracy"),
    "brier": Sentence("Brier score (lower is better)"),
    "expected_calibration_error": Sentence("Expected calibration error (lower is better)"),
    "sensitivity_at_95_specificity": Sentence("Sensitivity at 95 % specificity"),
    "bits_per_byte": Sentence("Bits per byte (lower is better)"),
    "identification_accuracy": Sentence("Accuracy of identification"),
    "rmse_cycles": Sentence("Root mean squared error in flights (lower is better)"),
    "nasa_score": Sentence("NASA score (lower is better)"),
    "nab_standard": Sentence("NAB score, standard profile"),
    "nab_reward_low_fp": Sentence("NAB score, false alarms cost twice"),
    "nab_reward_low_fn": Sentence("NAB score, missed anomalies cost twice"),
    "episode_return": Sentence("Return of an episode"),
    "metres_per_second": Sentence("Speed in m/s"),
    "lap_seconds": Sentence("Lap time in s (lower is better)"),
    "lap_seconds_ideal": Sentence("Ideal lap time in s (lower is better)"),
    "seconds_off_track": Sentence("Time off the track in s (lower is better)"),
    "mean_error_cycles": Sentence("Mean error in flights (above zero: too hopeful)"),
    **{
        f"sensitivity_{each.lower()}": Sentence("Sensitivity, heartbeats {kind}", {"kind": each})
        for each in HEARTBEATS
    },
    **{
        f"ppv_{each.lower()}": Sentence(
            "Positive predictive value, heartbeats {kind}", {"kind": each}
        )
        for each in HEARTBEATS
    },
}
# Titles, notes, columns and rows of their tables.
WORDS = {
    each.template: each
    for each in (
        Sentence("Calibration"),
        Sentence("What the model says and how often it is so, on the held-out records."),
        Sentence("Decision curve"),
        Sentence(
            "Net benefit of acting from a threshold probability on, beside acting on everybody; "
            "acting on nobody is 0 (Vickers & Elkin 2006). Higher is better."
        ),
        Sentence("Confusion"),
        Sentence(
            "Beats of the later minutes by what they are and what they were called (EC57: N "
            "normal, S supraventricular, V ventricular, F fusion, Q unknown)."
        ),
        Sentence("Beside simpler ways"),
        Sentence("Value and 95 % interval."),
        Sentence("How sure the model is of the class it says, and how often it is right."),
        Sentence("mean area"),
        Sentence("language variety (bits per byte)"),
        Sentence("group"),
        Sentence("small"),
        Sentence("middle"),
        Sentence("large"),
        Sentence("cases"),
        Sentence("malignant"),
        Sentence("sensitivity"),
        Sentence("specificity"),
        Sentence("probability"),
        Sentence("mean probability"),
        Sentence("share malignant"),
        Sentence("share right"),
        Sentence("beats"),
        Sentence("threshold"),
        Sentence("measure"),
        Sentence("model"),
        Sentence("network"),
        Sentence("baseline"),
        Sentence("everybody"),
    )
}
