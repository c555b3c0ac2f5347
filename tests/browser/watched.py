"""A centre whose only site has an agent, with a job that says what it is told to say.

`python -m tests.browser.watched` fills the home of the centre, and prints as JSON which job there
is, who may watch it, and the code for the agent. All else then runs as programs of their own.
"""

import json
import shutil
import sys
from pathlib import Path

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from allmende import wiring

wiring.start()

from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402

from allmende.domain.access.organisations import OrganisationKind  # noqa: E402
from allmende.domain.basics.people import Role  # noqa: E402
from allmende.domain.trust.agents import write_code  # noqa: E402
from allmende.services import agents, calls  # noqa: E402
from allmende.wiring import database_version  # noqa: E402
from allmende.wiring.access_rules import load_access_rules  # noqa: E402
from allmende.wiring.agents import centre_public_key, new_secret  # noqa: E402
from allmende.wiring.factory import load_factory  # noqa: E402
from tests.web import factory  # noqa: E402

SITE = "werkstatt"
# It waits until somebody writes a number into the pipe, and says it in each way.
SCRIPT = """
mkfifo say
exec 3<>say
while read -r n <&3; do
  echo "said $n $(date +%s%3N)"
  echo '{"t": '$(date +%s.%N)', "step": '$n', "total": 99, "metrics": {"pulse": '$n'}}' \\
    >> "$ALLMENDE_PROGRESS"
done
"""


def write_configuration(source: Path, folder: Path) -> None:
    """Write the shipped configuration with an agent at the site of this machine."""
    shutil.copytree(source, folder)
    others, sites, last = (folder / "factory.toml").read_text().rpartition("[[sites]]")
    (folder / "factory.toml").write_text(f"{others}{sites}\nagent = true{last}")


def main() -> None:
    database_version.bring_up_to_date()
    officer = factory.register("Olga Amtmann", Role.PROGRAMME_OFFICER)
    operator = factory.register("Theo Betrieb", Role.OPERATOR)
    founder = factory.register("Mina Grünberg", Role.APPLICANT)
    calls.open_call(factory.deed_of(officer), factory.CALL, rules=load_access_rules())
    company = factory.found(founder, "Grünberg GmbH", OrganisationKind.ENTERPRISE)
    founder = factory.people.get_person(founder.id)
    draft_id = factory.hand_in(founder, company.id, "Gewebe sicher lesen")
    project_id = factory.award(officer, operator, draft_id)
    job = factory.submit(founder, project_id, "speaks", SCRIPT)
    code = agents.make_code(
        factory.deed_of(operator), SITE, secret=new_secret(), factory=load_factory()
    )
    told = {
        "job": job.id,
        "person": founder.id,
        "session": open_session("mina@example.org"),
        "code": write_code(code, centre_key=centre_public_key()),
    }
    sys.stdout.write(json.dumps(told) + "\n")


def open_session(email: str) -> str:
    user, session = User.objects.get(email=email), SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


if __name__ == "__main__":
    main()
