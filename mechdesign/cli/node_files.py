"""The configuration of a node, and what its party answers.

``docs/files.md`` shows both in full. What can change an outcome is in the roster, which all members hold alike, or in a
proposal, which all members see; the rest of a configuration is its operator's own business.
"""

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mechdesign.cli.fields import Address, File, Root
from mechdesign.cli.reading import read, validate
from mechdesign.kernel.errors import ConfigError
from mechdesign.kernel.money import Amount

__all__ = [
    "CustodianTable",
    "NodeFile",
    "PassphraseTable",
    "PlayerTable",
    "PolicyTable",
    "ProposalTable",
    "ValueTable",
    "ValuesFile",
    "data_folder",
    "load_node_file",
    "load_values_file",
]


class PassphraseTable(File):
    """Where the passphrase of the key file comes from; without it MECHDESIGN_PASSPHRASE, then the terminal."""

    env: str | None = None
    file: Path | None = None


class PlayerTable(File):
    """What answers when this party is asked: a values file, a person, or (with neither) nobody: it passes."""

    values: Path | None = None
    ask: bool = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.values is not None and self.ask:
            raise ValueError("values come from a file or from a person, not from both: remove `values` or `ask`")
        return self


class PolicyTable(File):
    """Which sessions of others this node takes part in by itself; it never computes what it does not know."""

    enrol: bool = True
    mechanisms: tuple[str, ...] | None = None
    deposit_max: Amount | None = None
    open_ms_min: int = Field(default=1_000, ge=0)
    payment_max: Amount | None = None
    report_ms_min: int = Field(default=250, ge=0)
    accounts: tuple[str, ...] = ()
    roll_max: int = Field(default=10_000, ge=0)


class CustodianTable(File):
    """The files of a node that holds deposits; without them a person confirms every payment."""

    receipts: Path
    payouts: Path


class ProposalTable(File):
    """A session that this node proposes once, however often it starts, but in one case: see ``proposals.py``.

    Attributes:
        label: tells apart the sessions of this file; by default its place in it.
        mechanism: ``family.name`` or ``family.name/version``.
        parameters: of the mechanism, with ``currency``, ``decimals`` and ``ties`` beside them.
        asked: names of the members that are asked; empty for all.
        seal: ``threshold``, ``commit_reveal`` or ``open``; by default the first from four members on, else the second.
        threshold: how many members' shares open sealed reports and coins; 0 for a quorum.
        deposit: what each player puts down, forfeited where it defaults or cheats.
        sanctions: what follows a conviction or default.
        accounts: who stands behind a named account; by default an outside party of that name.
        default_report: stands in for a report that is void in itself; with the sanction of that name.
        payment_max: no player pays more.
        custodian: the member that holds the deposits; empty for nobody.
        players_min: enrolment of fewer aborts the session.
        roll: root of the roll of participants that are not members, as `mechdesign roll` prints it; empty for none.
        rolled: how many stand on it.
        enrol_s: seconds after which a member's timer for enrolment runs out; likewise the others.
        after: how many sessions have to end, in all lives and epochs, before this one is proposed.
    """

    label: str = ""
    mechanism: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    asked: tuple[str, ...] = ()
    seal: Literal["threshold", "commit_reveal", "open"] | None = None
    threshold: int = Field(default=0, ge=0)
    deposit: Amount = Fraction(0)
    sanctions: tuple[Literal["recompute", "default_report", "forfeit", "abort", "exclude"], ...] = (
        "recompute",
        "forfeit",
    )
    accounts: dict[str, str] = Field(default_factory=dict)
    default_report: Any = None
    payment_max: Amount | None = None
    custodian: str = ""
    players_min: int = Field(default=1, ge=1)
    roll: Root = b""
    rolled: int = Field(default=0, ge=0)
    enrol_s: Annotated[int, Field(gt=0)] = 60
    report_s: Annotated[int, Field(gt=0)] = 300
    open_s: Annotated[int, Field(gt=0)] = 60
    attest_s: Annotated[int, Field(gt=0)] = 60
    after: int = Field(default=0, ge=0)


class NodeFile(File):
    """The configuration of one node; paths are relative to the file.

    Attributes:
        key: the key file.
        roster: the roster file.
        data: the folder of journal, transcripts and evidence.
        listen: where to listen; by default this member's address in the roster.
        preset: lan, local or wan.
        passphrase: where the passphrase comes from.
        invitation: the file with which this node joins a group that runs; the roster file then says where members
            listen.
        addresses: where members listen, by name, as far as it differs from the roster.
        newcomers: where members listen that join later, by name.
        load: further mechanisms, as ``package.module:Class`` or ``file.py:Class`` (a path relative to this file).
        player: what answers.
        policy: what to take part in.
        custodian: files of receipts and pay-outs, where sessions name this member as their custodian.
        propose: sessions to propose.
    """

    key: Path
    roster: Path
    data: Path
    listen: Address | None = None
    preset: Literal["lan", "local", "wan"] = "lan"
    passphrase: PassphraseTable = PassphraseTable()
    invitation: Path | None = None
    addresses: dict[str, Address] = Field(default_factory=dict)
    newcomers: dict[str, Address] = Field(default_factory=dict)
    load: tuple[str, ...] = ()
    player: PlayerTable = PlayerTable()
    policy: PolicyTable = PolicyTable()
    custodian: CustodianTable | None = None
    propose: tuple[ProposalTable, ...] = ()


def load_node_file(path: Path) -> NodeFile:
    """Read a node's configuration; its paths come back resolved against the file's folder.

    Raises:
        ConfigError: naming the file and the key.
    """
    file = validate(NodeFile, read(path, "configuration"), str(path))
    base = path.resolve().parent
    labels = [each.label or str(place) for place, each in enumerate(file.propose)]
    if len(set(labels)) != len(labels):
        raise ConfigError(f"{path}: propose: two proposals have the same label, so only one of them would be made")
    return file.model_copy(
        update={
            "key": base / file.key,
            "roster": base / file.roster,
            "data": base / file.data,
            "invitation": base / file.invitation if file.invitation else None,
            "passphrase": file.passphrase.model_copy(
                update={"file": base / file.passphrase.file if file.passphrase.file else None}
            ),
            "load": tuple(_located(name, base) for name in file.load),
            "player": file.player.model_copy(
                update={"values": base / file.player.values if file.player.values else None}
            ),
            "custodian": file.custodian.model_copy(
                update={"receipts": base / file.custodian.receipts, "payouts": base / file.custodian.payouts}
            )
            if file.custodian
            else None,
            "propose": tuple(
                each.model_copy(update={"label": label}) for each, label in zip(file.propose, labels, strict=True)
            ),
        }
    )


def data_folder(path: Path) -> Path:
    """The data folder that is meant by a folder or by a node's configuration file.

    Raises:
        ConfigError: it is neither.
    """
    return path if path.is_dir() else load_node_file(path).data


def _located(name: str, base: Path) -> str:
    """A mechanism's name with the path in it, if any, resolved against the file's folder."""
    file, colon, rest = name.rpartition(":") if not name.endswith(".py") else (name, "", "")
    return f"{base / file}{colon}{rest}" if file.endswith(".py") else name


class ValueTable(File):
    """What this party answers in one session.

    Attributes:
        mechanism: in sessions of which mechanism, with or without version; ``*`` for any.
        proposer: only in those that this member proposes; empty for anybody.
        label: only in the one that it proposes under this label.
        value: its private type, reported truthfully.
        reports: its reports, one for each ask of the session; it passes when they run out.
        absent: it passes.
    """

    mechanism: str = "*"
    proposer: str = ""
    label: str = ""
    value: Any = None
    reports: tuple[Any, ...] | None = Field(default=None, min_length=1)
    absent: bool = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name, has in zip(("value", "reports", "absent"), self._has(), strict=True) if has]
        if len(given) != 1:
            raise ValueError(
                "an answer has exactly one of `value`, `reports` and `absent = true`, not "
                + (" and ".join(given) or "none")
            )
        if self.label and not self.proposer:
            raise ValueError(f"the label {self.label!r} is one of somebody's proposals: name the `proposer`, too")
        return self

    def _has(self) -> tuple[bool, bool, bool]:
        return self.value is not None, self.reports is not None, self.absent


class ValuesFile(File):
    """What one party answers: of the entries that fit best the k-th in the k-th such session, then the last again."""

    answer: tuple[ValueTable, ...] = Field(min_length=1)


def load_values_file(path: Path) -> ValuesFile:
    """Read and check a values file.

    Raises:
        ConfigError: naming the file and the key.
    """
    return validate(ValuesFile, read(path, "values"), str(path))
