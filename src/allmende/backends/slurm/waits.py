"""Why a job waits in Slurm's queue, in words for its owner."""

import re
from collections.abc import Mapping

from allmende.domain.basics.sentences import Sentence

# The first pattern that fits Slurm's reason decides.
SENTENCES: Mapping[str, Sentence] = {
    r"None|Resources": Sentence("It waits until enough nodes are free."),
    r"Priority|Prolog|Nodes_required.*": Sentence("It waits behind jobs of a higher priority."),
    r"BeginTime|Cleaning": Sentence(
        "It was put back into the queue, and Slurm lets a short while pass before it starts again."
    ),
    r"JobHeld(User|Admin)|JobHoldMaxRequeue": Sentence(
        "It is held in Slurm. Whoever held it can release it with `scontrol release`."
    ),
    r"Assoc\w*Minutes\w*|QOS\w*Minutes\w*|\w*Grp\w*(CpuRunMinutes|Billing)\w*": Sentence(
        "It could use more time than its project has left at this cluster. Ask for a shorter time "
        "limit, or for more time."
    ),
    r"(Assoc|QOS)\w*(Wall|TimeLimit)\w*|PartitionTimeLimit": Sentence(
        "Its time limit is longer than the cluster allows here. Ask for a shorter one."
    ),
    r"(Assoc|QOS)\w*|MaxMemPerLimit|AccountingPolicy": Sentence(
        "Its project, or its class of service, uses as much at once as it may: {reason}."
    ),
    r"Reserv\w*": Sentence("It waits for its reservation to begin."),
    r"ReqNodeNotAvail.*|\w*NodeLimit|NodeDown|BadConstraints|InvalidQOS|InvalidAccount": Sentence(
        "Slurm cannot start it as it is: {reason}. The nodes that it needs are down, drained or "
        "reserved, or there are none such."
    ),
    r"Partition(Down|Inactive|Config)": Sentence("The partition is closed at present: {reason}."),
    r"Dependency\w*": Sentence("It waits for a job that must come first."),
    r"Licenses": Sentence("It waits for a licence."),
}
UNFORESEEN = Sentence("It waits in Slurm's queue, which gives the reason {reason}.")


def describe_wait(reason: str) -> Sentence:
    """Return the sentence for a reason such as `Resources` or `AssocGrpGRESMinutes`."""
    for pattern, sentence in SENTENCES.items():
        if re.fullmatch(pattern, reason):
            facts = {"reason": reason} if "{reason}" in sentence.template else {}
            return Sentence(sentence.template, facts)
    return Sentence(UNFORESEEN.template, {"reason": reason})
