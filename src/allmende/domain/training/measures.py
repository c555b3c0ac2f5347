"""The measures of evaluations by the names that people read; other ones keep the code's name."""

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
