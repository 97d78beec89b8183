"""The defects that must be seen, each with the trial that shows it."""

from dataclasses import dataclass, replace

from tests.faults import trials
from tests.faults.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Defect:
    """One defect that GoMail does not have, and where it must be seen."""

    name: str  # in defective
    says: str
    trial: Trial

    def seeded(self) -> Trial:
        """Return the trial with the defect, in little."""
        names = ",".join(filter(None, (self.trial.defect, self.name)))
        return replace(
            self.trial, name=self.name, says=f"DEFECT {self.says}", defect=names, kills=min(self.trial.kills, 10),
            letters=min(self.trial.letters, 100), seconds=min(self.trial.seconds, 60), drain=45,
        )  # fmt: skip


_ALWAYS_STOP = replace(trials.at("after-request-bytes"), policies=("stop",), letters=30, kills=5)
DEFECTS = tuple(
    Defect(name=name, says=says, trial=trial)
    for name, says, trial in (
        ("no-renewal", "a lease is not renewed", trials.RENEWED),
        ("forgetful-journal", "the journal forgets too early", trials.ANSWERED),
        ("claim-unchecked", "a claim is not checked before a call", trials.LATE),
        ("no-epoch", "a late worker overwrites", trials.REFUSED_LATE),
        ("timeout-not-sent", "a timeout counts as not sent", trials.IN_VAIN),
        ("unmarked", "a copy is not marked", trials.IN_VAIN),
        ("misnaming", "the wrong provider is named", trials.IN_VAIN),
        ("bcc-dropped", "the second round has no Bcc", trials.IN_VAIN),
        ("files-unchecked", "files are sent as they lie on disk", trials.DAMAGED),
        ("commit-after-send", "the attempt is written after the call", trials.at("after-response")),
        ("ttl-lock", "a claim ends while its owner sends", trials.LATE),
        ("deferred", "DEFERRED transactions", trials.CROWDED),
        ("requeue-stop", "`stop` mail is sent again", _ALWAYS_STOP),
        ("no-journal", "no journal", trials.ANSWERED),
        ("told-too-early", "a webhook counts as told before it is posted", trials.TOLD),
        ("taken-too-early", "an event is answered before it is kept", trials.NEWS),
        ("effects-apart", "an event is kept before its effect", trials.NEWS),
        ("repeats-counted", "a repeated event counts as a new one", trials.NEWS),
        ("trusting", "an older state of the file is believed", trials.RESTORED),
        ("async-commit", "PostgreSQL answers a commit before it is on disk", trials.CARELESS),
    )
)
# Of a short run: those that every run so far has shown many times over, whatever else the machine was doing.
_IN_LITTLE = {
    "PostgreSQL": {"no-epoch", "forgetful-journal"},
    "SQLite": {"timeout-not-sent", "bcc-dropped"},
}
QUICK = {kind: [one for one in DEFECTS if one.name in names] for kind, names in _IN_LITTLE.items()}
