"""The board of the demo: every job with its place, its progress, and why it waits."""

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from allmende.domain.basics.people import Person, Role
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import JobState
from allmende.services import jobs, runs
from allmende.services.jobs import JobView
from allmende.services.story import Story
from allmende.services.workshop import Workshop
from allmende.wiring.languages import translate

WATCHER = Person(id="demo", name="the demo", roles=frozenset({Role.AUDITOR}))

# State is a word, a shape and a colour, never a colour alone.
LOOKS = {
    JobState.PENDING: (Sentence("◌ waiting"), "yellow"),
    JobState.RUNNING: (Sentence("● running"), "cyan"),
    JobState.COMPLETED: (Sentence("✓ done"), "green"),
    JobState.FAILED: (Sentence("✗ failed"), "bold red"),
    JobState.CANCELLED: (Sentence("– cancelled"), "dim"),
    JobState.TIMEOUT: (Sentence("✗ time limit"), "bold red"),
    JobState.OUT_OF_MEMORY: (Sentence("✗ out of memory"), "bold red"),
    JobState.NODE_FAIL: (Sentence("✗ node failure"), "bold red"),
}


class JobBoard:
    """Reads the jobs of the story through the same services as everybody."""

    def __init__(self, story: Story, workshop: Workshop) -> None:
        self.story = story
        self.workshop = workshop
        self.told: dict[str, int] = {}

    def views(self) -> list[JobView]:
        """Return every job of the story with its attempts."""
        return [jobs.get_job(WATCHER, job.id) for job in self.story.jobs]

    def list_news(self) -> list[str]:
        """Return what happened since the last look, as lines."""
        news = []
        for job in self.story.jobs:
            events = jobs.list_job_events(WATCHER, job.id)
            news += [(event.at, job.name, event) for event in events[self.told.get(job.id, 0) :]]
            self.told[job.id] = len(events)
        return [
            f"  [dim]{at.astimezone():%H:%M:%S}[/] {name:<15} {translate(event.sentence)}"
            for at, name, event in sorted(news, key=lambda item: item[:2])
        ]

    def render(self) -> Group:
        """Draw the board."""
        owners = {
            project_id: self.story.organisations[key].name
            for key, project_id in self.story.projects.items()
        }
        table = Table(box=None, pad_edge=False, padding=(0, 1))
        table.add_column(translate(Sentence("job")), no_wrap=True, min_width=14)
        table.add_column(translate(Sentence("of")), no_wrap=True, max_width=24)
        table.add_column(translate(Sentence("state")), no_wrap=True, min_width=11)
        table.add_column(translate(Sentence("progress")), no_wrap=True, min_width=14)
        table.add_column(translate(Sentence("where, or why not yet")), no_wrap=True)
        for view in self.views():
            word, style = LOOKS[view.job.state]
            progress = runs.read_progress(
                self.workshop.backend_of(view.job.partition_id), view.job.id
            )
            table.add_row(
                view.job.name,
                owners[view.job.project_id],
                Text(translate(word), style=style),
                ProgressBar(total=100, completed=progress.percent, width=14),
                Text(self._where(view), style="dim"),
            )
        return Group(table)

    def _where(self, view: JobView) -> str:
        if view.job.state is JobState.PENDING:
            return translate(view.job.wait) if view.job.wait else ""
        nodes = view.attempts[-1].nodes if view.attempts else ()
        facts = {"nodes": ", ".join(nodes), "number": len(view.attempts)}
        return translate(Sentence("{nodes}, attempt {number}", facts))
