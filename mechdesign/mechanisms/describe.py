"""What ``describe`` shows of a mechanism, as plain data."""

import inspect
from typing import Any

from mechdesign.mechanisms import codec
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.claims import Claim, Claims, Fails, Holds, Witness
from mechdesign.mechanisms.flow import Account
from mechdesign.mechanisms.inputs import decide

__all__ = ["claim_table", "describe", "needs_funder", "rule", "summary"]


def rule(cls: type[Mechanism[Any, Any, Any]]) -> str:
    """Return the rule of a mechanism in words: its docstring up to the first doctest."""
    text = inspect.cleandoc(cls.__doc__ or "")
    return text.partition(">>>")[0].replace("``", "").replace("**", "").strip()


def summary(cls: type[Mechanism[Any, Any, Any]]) -> str:
    """Return the first sentence of the rule, on one line."""
    return " ".join(rule(cls).partition("\n\n")[0].split())


def needs_funder(cls: type[Mechanism[Any, Any, Any]]) -> bool:
    """Say whether a session must name who covers a deficit."""
    return not isinstance(cls.claims.no_deficit, Holds)


def claim_table(claims: Claims) -> dict[str, dict[str, Any]]:
    """Return every concept with ``claim`` (holds, fails, unknown), and source, condition or witness where stated."""
    return {concept: _claim(claim) for concept, claim in claims.items()}


def _claim(claim: Claim) -> dict[str, Any]:
    match claim:
        case Holds(source, when):
            return {"claim": "holds", "source": source} | ({"when": when} if when else {})
        case Fails(witness, source):
            return {"claim": "fails", "witness": _witness(witness)} | ({"source": source} if source else {})
        case _:
            return {"claim": "unknown"} | ({"note": claim.note} if claim.note else {})


def _witness(witness: Witness) -> dict[str, Any]:
    shown: dict[str, Any] = {"parameters": dict(witness.parameters), "types": dict(witness.types)}
    if witness.deviations:
        shown["deviations"] = dict(witness.deviations)
    if witness.outcome is not None:
        shown["better"] = witness.outcome
    return shown


def describe(cls: type[Mechanism[Any, Any, Any]]) -> dict[str, Any]:
    """Return all that somebody needs to write an input: rule, claims, accounts, schemas, an example really computed."""
    example = cls.example
    parameters = dict(example.parameters) if example else {}
    try:
        built = cls.from_parameters(parameters)
        report = built.type_schema() if cls.overrides("play") else built.report_schema()
    except ValueError:  # no example, and parameters without defaults
        report = cls.generic_argument(1)
    described: dict[str, Any] = {
        "mechanism": cls.full_name(),
        "summary": summary(cls),
        "rule": rule(cls),
        "claims": claim_table(cls.claims),
        "accounts": {account.value: _ACCOUNTS[account] for account in cls.accounts},
        "needs_funder": needs_funder(cls),
        "parameters": cls.model_json_schema(),
        "report": codec.adapter(report).json_schema(),
        "outcome": codec.adapter(cls.generic_argument(2)).json_schema(),
    }
    if example:
        document = {"parameters": parameters, "reports": dict(example.reports)}
        described["example"] = {"input": document, "output": decide(cls, document).document()}
    return described


_ACCOUNTS = {
    Account.SINK: "a surplus that is burnt",
    Account.SELLER: "the seller's side of an auction",
    Account.BUYER: "the buyer's side of an auction in which players sell",
    Account.PROVIDER: "whoever is paid the cost that players cover",
    Account.FUNDER: "whoever covers a deficit",
}
