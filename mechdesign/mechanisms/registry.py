"""Finding mechanisms by name: an explicit list of ours, the entry points of other packages, and classes in files.

A package adds its own under the entry point group ``mechdesign.mechanisms``, named like the mechanism::

    [project.entry-points."mechdesign.mechanisms"]
    "auction.my-auction" = "my_package.auctions:MyAuction"
"""

import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Final

from mechdesign.kernel.errors import MechanismError
from mechdesign.mechanisms.base import Mechanism

__all__ = ["BUILT_IN", "GROUP", "all_mechanisms", "load", "look_again", "names"]

AnyMechanism = type[Mechanism[Any, Any, Any]]

GROUP: Final = "mechdesign.mechanisms"
"""The entry point group that other packages use."""

BUILT_IN: Final = MappingProxyType(
    {
        "auction.all-pay/1": "auction.all_pay:AllPay",
        "auction.bailey-cavallo/1": "auction.bailey_cavallo:BaileyCavallo",
        "auction.clinching/1": "auction.clinching:Clinching",
        "auction.core-nearest/1": "auction.core_nearest:CoreNearest",
        "auction.demange-gale-sotomayor/1": "auction.demange_gale_sotomayor:DemangeGaleSotomayor",
        "auction.discriminatory/1": "auction.discriminatory:Discriminatory",
        "auction.dutch/1": "auction.dutch:Dutch",
        "auction.english/1": "auction.english:English",
        "auction.first-price/1": "auction.first_price:FirstPrice",
        "auction.gsp/1": "auction.gsp:GeneralisedSecondPrice",
        "auction.japanese/1": "auction.japanese:Japanese",
        "auction.multi-unit-vickrey/1": "auction.multi_unit_vickrey:MultiUnitVickrey",
        "auction.myerson/1": "auction.myerson:Myerson",
        "auction.position-vcg/1": "auction.position_vcg:PositionVickrey",
        "auction.second-price/1": "auction.second_price:SecondPrice",
        "auction.single-minded-greedy/1": "auction.single_minded_greedy:SingleMindedGreedy",
        "auction.uniform-price/1": "auction.uniform_price:UniformPrice",
        "auction.unit-demand/1": "auction.unit_demand:UnitDemand",
        "auction.vcg/1": "auction.vcg:VickreyClarkeGroves",
        "committee.equal-shares/1": "committee.equal_shares:EqualShares",
        "committee.greedy-approval/1": "committee.greedy_approval:GreedyApproval",
        "committee.phragmen/1": "committee.phragmen:Phragmen",
        "committee.proportional-approval/1": "committee.proportional_approval:ProportionalApproval",
        "cost.airport/1": "cost.airport:Airport",
        "cost.equal-share/1": "cost.equal_share:EqualShare",
        "cost.serial/1": "cost.serial:Serial",
        "cost.shapley/1": "cost.shapley:Shapley",
        "division.adjusted-winner/1": "division.adjusted_winner:AdjustedWinner",
        "division.envy-free-rent/1": "division.envy_free_rent:EnvyFreeRent",
        "division.maximum-nash-welfare/1": "division.maximum_nash_welfare:MaximumNashWelfare",
        "division.round-robin/1": "division.round_robin:RoundRobin",
        "exchange.double-vcg/1": "exchange.double_vcg:DoubleVickrey",
        "exchange.k-double/1": "exchange.k_double:KDouble",
        "exchange.mcafee/1": "exchange.mcafee:McAfee",
        "exchange.trade-reduction/1": "exchange.trade_reduction:TradeReduction",
        "funding.quadratic-funding/1": "funding.quadratic_funding:QuadraticFunding",
        "location.median/1": "location.median:Median",
        "matching.deferred-acceptance/1": "matching.deferred_acceptance:DeferredAcceptance",
        "matching.kidney-exchange/1": "matching.kidney_exchange:KidneyExchange",
        "matching.probabilistic-serial/1": "matching.probabilistic_serial:ProbabilisticSerial",
        "matching.serial-dictatorship/1": "matching.serial_dictatorship:SerialDictatorship",
        "matching.top-trading-cycles/1": "matching.top_trading_cycles:TopTradingCycles",
        "procurement.budget-feasible/1": "procurement.budget_feasible:BudgetFeasible",
        "procurement.reverse-second-price/1": "procurement.reverse_second_price:ReverseSecondPrice",
        "public.agv/1": "public.agv:Agv",
        "public.bailey-cavallo/1": "public.bailey_cavallo:PublicBaileyCavallo",
        "public.clarke/1": "public.clarke:Clarke",
        "public.groves/1": "public.groves:GrovesChoice",
        "public.sequential-groves/1": "public.sequential_groves:SequentialGroves",
        "public.walker/1": "public.walker:Walker",
        "public.worst-case-optimal/1": "public.worst_case_optimal:WorstCaseOptimal",
        "voting.approval/1": "voting.approval:Approval",
        "voting.baldwin/1": "voting.baldwin:Baldwin",
        "voting.black/1": "voting.black:Black",
        "voting.borda/1": "voting.borda:Borda",
        "voting.bucklin/1": "voting.bucklin:Bucklin",
        "voting.coombs/1": "voting.coombs:Coombs",
        "voting.copeland/1": "voting.copeland:Copeland",
        "voting.irv/1": "voting.irv:InstantRunoff",
        "voting.kemeny/1": "voting.kemeny:Kemeny",
        "voting.majority-judgment/1": "voting.majority_judgment:MajorityJudgment",
        "voting.minimax/1": "voting.minimax:Minimax",
        "voting.nanson/1": "voting.nanson:Nanson",
        "voting.plurality/1": "voting.plurality:Plurality",
        "voting.quadratic/1": "voting.quadratic:Quadratic",
        "voting.ranked-pairs/1": "voting.ranked_pairs:RankedPairs",
        "voting.schulze/1": "voting.schulze:Schulze",
        "voting.score/1": "voting.score:Score",
        "voting.split-cycle/1": "voting.split_cycle:SplitCycle",
        "voting.star/1": "voting.star:Star",
        "voting.stv/1": "voting.stv:SingleTransferableVote",
        "voting.veto/1": "voting.veto:Veto",
    }
)
"""Every mechanism of this package: ``family.name/version`` to module and class; imported when asked for."""


def names() -> tuple[str, ...]:
    """Return every known ``family.name/version``, ours and those of entry points, sorted."""
    return tuple(sorted({*BUILT_IN, *_plugins()}))


def all_mechanisms() -> Iterator[AnyMechanism]:
    """Yield every known mechanism class, sorted by name."""
    for name in names():
        yield load(name)


def load(name: str) -> AnyMechanism:
    """Return a mechanism class.

    Args:
        name: ``family.name`` (the newest version), ``family.name/version``, ``package.module:Class``, or
            ``path/to/file.py:Class`` (the class may be left out where the file defines one mechanism).

    Raises:
        MechanismError: where there is none, with the nearest names; or where it cannot be imported.
    """
    if ".py" in name and (name.endswith(".py") or ".py:" in name):
        return _load_file(name)
    if ":" in name:
        module, _, class_name = name.partition(":")
        return _class_of(_import(module, name), class_name, name)
    plugins = _plugins()
    full = _full_name(name, (*BUILT_IN, *plugins))
    if full in BUILT_IN:
        module, _, class_name = BUILT_IN[full].partition(":")
        found = _class_of(_import(f"mechdesign.mechanisms.{module}", name), class_name, name)
    else:
        found = _load_plugin(plugins[full])
    if found.full_name() != full:
        raise MechanismError(f"{full} is registered, but the class found there calls itself {found.full_name()}")
    return found


def look_again() -> None:
    """Forget which entry points are installed: they are looked up once in a process, and a lookup reads many files."""
    _plugins.cache_clear()


def _full_name(name: str, known: tuple[str, ...]) -> str:
    if name in known:
        return name
    versions = [(int(full.rpartition("/")[2]), full) for full in known if full.rpartition("/")[0] == name]
    if versions:
        return max(versions)[1]
    plain, _, version = name.partition("/")
    available = sorted({full.rpartition("/")[0] for full in known})
    if version and plain in available:
        have = ", ".join(sorted(full for full in known if full.startswith(plain + "/")))
        raise MechanismError(f"{plain} has no version {version} here; there is {have}")
    short = {full.partition(".")[2]: full for full in available}
    near = difflib.get_close_matches(plain, available, n=3, cutoff=0.5)
    near += [short[one] for one in difflib.get_close_matches(plain.partition(".")[2] or plain, list(short), n=2)]
    hint = f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else "`mechdesign mechanisms` lists all"
    raise MechanismError(f"there is no mechanism {name!r}: {hint}")


@cache
def _plugins() -> Mapping[str, EntryPoint]:
    """Return the entry points by full name; a name without a version stands for version 1. Ours cannot be replaced."""
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda one: (one.name, one.value)):
        plain, _, version = entry.name.partition("/")
        full = f"{plain}/{version or 1}"
        if (version or "1").isdecimal() and full not in BUILT_IN:
            found.setdefault(full, entry)
    return MappingProxyType(found)


def _load_plugin(entry: EntryPoint) -> AnyMechanism:
    try:
        found = entry.load()
    except Exception as error:
        raise MechanismError(f"the entry point {entry.name} = {entry.value} cannot be loaded: {error}") from error
    return _checked(found, f"{entry.name} = {entry.value}")


def _import(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MechanismError(f"{name} cannot be imported: {error}") from error


def _load_file(name: str) -> AnyMechanism:
    file, _, class_name = name.rpartition(":") if not name.endswith(".py") else (name, "", "")
    path = Path(file)
    try:
        source = path.read_bytes()
    except OSError as error:
        raise MechanismError(f"{file} cannot be read: {error.strerror}") from error
    # The name follows from path and text: an unchanged file is one module and one class, an edited one is another.
    alias = "mechdesign_file_" + hashlib.sha256(str(path.resolve()).encode() + b"\0" + source).hexdigest()[:16]
    module = sys.modules.get(alias)
    if module is None:
        spec = importlib.util.spec_from_file_location(alias, path)
        if spec is None or spec.loader is None:
            raise MechanismError(f"{file} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[alias] = module  # before it runs: pydantic looks up the names of types in it
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[alias]
            if isinstance(error, MechanismError):
                raise
            raise MechanismError(f"{file} raises {type(error).__name__} when it is loaded: {error}") from error
    return _class_of(module, class_name, name)


def _class_of(module: ModuleType, class_name: str, name: str) -> AnyMechanism:
    if class_name:
        found = getattr(module, class_name, None)
        if found is None:
            raise MechanismError(f"{name}: there is no class {class_name} in it")
        return _checked(found, name)
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Mechanism)
        and value.__module__ == module.__name__
        and value.name
    ]
    if len(own) != 1:
        listed = ", ".join(sorted(one.__name__ for one in own)) or "none"
        raise MechanismError(f"{name}: write file.py:Class; mechanisms in it: {listed}")
    return own[0]


def _checked(found: object, name: str) -> AnyMechanism:
    if not (isinstance(found, type) and issubclass(found, Mechanism)):
        raise MechanismError(f"{name} is not a subclass of Mechanism")
    if not found.name:
        raise MechanismError(f"{name} has no name: set name = 'family.name' in the class")
    return found
