import pytest

from mechdesign.kernel.errors import InputError, MechanismError
from mechdesign.mechanisms import registry
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.play import run_pure
from mechdesign.mechanisms.ties import TieRule
from mechdesign.testing.oracle_profiles import elect

TENNESSEE = [(42, "MNCK"), (26, "NCKM"), (15, "CKNM"), (17, "KCNM")]
CONDORCET_METHODS = (
    "copeland",
    "minimax",
    "schulze",
    "ranked-pairs",
    "kemeny",
    "black",
    "nanson",
    "baldwin",
    "split-cycle",
)


def ranked(rule, options, ballots, **parameters):
    return elect(f"voting.{rule}", {"options": list(options), **parameters}, [(n, list(b)) for n, b in ballots])


@pytest.mark.parametrize(
    ("rule", "winner"),
    [
        ("plurality", "M"),
        ("irv", "K"),
        ("borda", "N"),
        ("coombs", "N"),
        ("bucklin", "N"),
        *((rule, "N") for rule in CONDORCET_METHODS),
    ],
)
def test_the_worked_example_of_four_cities(rule, winner):
    outcome = ranked(rule, "MNCK", TENNESSEE)
    assert (outcome.winner, outcome.tied) == (winner, (winner,))


def test_veto_of_the_four_cities_is_tied_between_those_that_nobody_puts_last():
    assert ranked("veto", "MNCK", TENNESSEE).tied == ("N", "C")


@pytest.mark.parametrize("rule", CONDORCET_METHODS)
def test_condorcet_methods_elect_the_option_that_beats_every_other_one(rule):
    # c has no first place and beats everybody: what plurality and run-offs overlook.
    ballots = [(3, "acbd"), (3, "bcad"), (2, "dcab"), (2, "dcba")]
    assert ranked(rule, "abcd", ballots).tied == ("c",)


@pytest.mark.parametrize("rule", CONDORCET_METHODS)
def test_a_perfect_cycle_ties_all_three(rule):
    assert set(ranked(rule, "abc", [(1, "abc"), (1, "bca"), (1, "cab")]).tied) == set("abc")


def test_schulze_of_the_45_voters_of_the_paper():
    # M. Schulze 2011, section 3.1
    ballots = [
        (5, "ACBED"),
        (5, "ADECB"),
        (8, "BEDAC"),
        (3, "CABED"),
        (7, "CAEBD"),
        (2, "CBADE"),
        (7, "DCEBA"),
        (8, "EBADC"),
    ]
    assert ranked("schulze", "ABCDE", ballots).tied == ("E",)


def test_strength_matters_only_where_ballots_leave_options_out():
    complete = [(4, "abc"), (3, "bca"), (2, "cab")]
    for rule in ("minimax", "schulze", "split-cycle", "ranked-pairs"):
        one, other = (ranked(rule, "abc", complete, strength=kind) for kind in ("margins", "winning-votes"))
        assert one.tied == other.tied
    # a beats b by 6 to 3, b beats c by 5 to 4, c beats a by 4 to 2: the least defeat is c's by margin, a's by votes.
    partial = [(4, "cab"), (2, "abc"), (3, "b")]
    assert ranked("minimax", "abc", partial).tied == ("c",)
    assert ranked("minimax", "abc", partial, strength="winning-votes").tied == ("a",)


def test_irv_shows_every_round_with_exhausted_ballots():
    document = {
        "parameters": {"options": ["a", "b", "c"]},
        "reports": {"p": ["a"], "q": ["a"], "r": ["b"], "s": ["b", "a"], "t": ["c"]},
    }
    result = decide("voting.irv", document).result
    assert [reason.data["counts"] for reason in result.why] == [
        {"a": 2, "b": 2, "c": 1},
        {"a": 2, "b": 2},
        {"a": 3},
    ]
    assert [reason.data["exhausted"] for reason in result.why] == [0, 1, 2]
    assert [tie.chosen for tie in result.ties] == ["a"]
    assert result.outcome.tied == ("a", "b")


def test_who_has_most_weight_counts_as_that_many_voters():
    weighted = {"options": ["x", "y"], "weights": {"alice": 3}}
    reports = {"alice": ["x", "y"], "bob": ["y", "x"], "carol": ["y", "x"]}
    for rule in ("plurality", "borda", "veto", "irv", "schulze", "kemeny", "bucklin", "coombs", "stv"):
        parameters = {**weighted, "seats": 1} if rule == "stv" else weighted
        outcome = decide(f"voting.{rule}", {"parameters": parameters, "reports": reports}).result.outcome
        assert "x" in str(outcome), rule


@pytest.mark.parametrize(
    ("rule", "ballot"),
    [
        ("plurality", ["x"]),
        ("schulze", ["x"]),
        ("score", {"x": 1}),
        ("majority-judgment", {"x": "good"}),
        ("stv", ["x"]),
    ],
)
def test_a_weight_for_a_stranger_stops_the_vote(rule, ballot):
    parameters = {"options": ["x"], "weights": {"zoe": 2}, **({"seats": 1} if rule == "stv" else {})}
    with pytest.raises(MechanismError, match="zoe"):
        decide(f"voting.{rule}", {"parameters": parameters, "reports": {"alice": ballot}})


@pytest.mark.parametrize("name", [name for name in registry.names() if name.startswith("voting.")])
def test_nobody_is_elected_without_a_ballot(name):
    cls = registry.load(name)
    assert cls.example is not None
    mechanism = cls.from_parameters(cls.example.parameters)
    for players in ((), ("alice", "bob")):
        result = run_pure(mechanism, Context(players), {})
        assert str(result.outcome) == "nobody is elected"
        assert [reason.text for reason in result.why] == ["no ballots"]


@pytest.mark.parametrize(
    ("rule", "ballot"),
    [
        *(
            (rule, ["x", "y"])
            for rule in ("plurality", "borda", "veto", "irv", "coombs", "bucklin", *CONDORCET_METHODS)
        ),
        ("approval", []),
        ("score", {}),
        ("star", {}),
        ("quadratic", {}),
        ("majority-judgment", {}),
    ],
)
def test_every_tie_rule_decides_a_tie_and_shows_it(rule, ballot):
    other = list(reversed(ballot)) if isinstance(ballot, list) else ballot
    mechanism = registry.load(f"voting.{rule}").from_parameters({"options": ["x", "y"]})
    reports = {"alice": ballot, "bob": other}
    winners = {}
    for ties in (TieRule(), TieRule("given", ("y", "x")), TieRule("by_coin")):
        result = run_pure(mechanism, Context(("alice", "bob"), ties=ties), reports)
        assert result.outcome.tied == ("x", "y")
        assert result.ties[-1].rule == ties.kind
        winners[ties.kind] = result.outcome.winner
    assert (winners["lexicographic"], winners["given"]) == ("x", "y")
    assert winners["by_coin"] in ("x", "y")


def test_star_differs_from_score_where_a_majority_prefers_the_runner_up():
    ballots = [(2, {"a": 5, "b": 4}), (3, {"b": 3, "a": 0, "c": 1}), (4, {"a": 4, "b": 5})]
    assert elect("voting.score", {"options": ["a", "b", "c"]}, ballots).winner == "b"
    narrow = [(3, {"a": 1, "b": 0}), (2, {"b": 5, "a": 0})]
    assert elect("voting.score", {"options": ["a", "b"]}, narrow).winner == "b"
    assert elect("voting.star", {"options": ["a", "b"]}, narrow).winner == "a"


def test_majority_judgment_takes_medians_away_in_turn():
    # Medians are alike; then a has the better grade next to the middle from below, b the best grade of all.
    grades = ["bad", "fair", "good"]
    a = ["fair", "fair", "fair", "fair", "bad"]
    b = ["good", "good", "fair", "bad", "bad"]
    ballots = [(1, {"a": one, "b": other}) for one, other in zip(a, b, strict=True)]
    assert elect("voting.majority-judgment", {"options": ["b", "a"], "grades": grades}, ballots).tied == ("a",)


def test_majority_judgment_does_not_count_to_its_weights():
    ballots = [(10**12, {"a": "good"}), (10**12 - 1, {"b": "good"})]
    assert elect("voting.majority-judgment", {"options": ["a", "b"]}, ballots).tied == ("a",)


def test_quadratic_voting_refuses_a_ballot_that_costs_more_than_its_credits():
    parameters = {"options": ["a", "b"], "credits": 25}
    for ballot, fits in (({"a": 3, "b": -4}, True), ({"a": 4, "b": -4}, False), ({"a": -6}, False)):
        document = {"parameters": parameters, "reports": {"alice": ballot}}
        if fits:
            assert decide("voting.quadratic", document).result.outcome.winner == "a"
        else:
            with pytest.raises(InputError, match=r"reports\.alice"):
                decide("voting.quadratic", document)


def test_stv_passes_surpluses_on_in_exact_fractions():
    # 12 ballots, 2 seats, quota 5: a's surplus of 4 goes to b (2/3) and c (1/3).
    ballots = [(6, "ab"), (3, "ac"), (2, "c"), (1, "b")]
    document = {
        "parameters": {
            "options": ["a", "b", "c"],
            "seats": 2,
            "weights": {f"p{i}": n for i, (n, _) in enumerate(ballots)},
        },
        "reports": {f"p{i}": list(ballot) for i, (_, ballot) in enumerate(ballots)},
    }
    result = decide("voting.stv", document).result
    assert result.outcome.elected == ("a", "b")
    assert {name: str(votes) for name, votes in result.why[1].data["votes"].items()} == {"b": "11/3", "c": "10/3"}


def test_stv_elects_all_options_where_seats_are_enough():
    outcome = ranked("stv", "abc", [(2, "a"), (1, "b")], seats=5)
    assert set(outcome.elected) == set("abc")


def test_nanson_keeps_the_average_where_it_is_told_to():
    ballots = [(1, "abc"), (1, "cba")]  # everybody has the average: nobody is eliminated either way
    for average in ("eliminated", "kept"):
        assert ranked("nanson", "abc", ballots, average=average).tied == ("a", "b", "c")


def test_kemeny_refuses_more_options_than_it_can_search():
    options = [f"option {number}" for number in range(17)]
    with pytest.raises(InputError, match="at most 16"):
        decide("voting.kemeny", {"parameters": {"options": options}, "reports": {}})


def test_kemeny_finds_the_best_of_479001600_rankings():
    # Twelve options on a line, and one voter who reverses it: the majority's order is best.
    options = "abcdefghijkl"
    assert ranked("kemeny", options, [(2, options), (1, options[::-1])]).tied == ("a",)


def test_many_equal_options_do_not_make_a_vote_endless():
    options = [f"option {number}" for number in range(30)]
    ballots = {f"voter {number}": [options[number], *options[:number], *options[number + 1 :]] for number in range(30)}
    for rule in ("irv", "coombs", "baldwin", "ranked-pairs"):
        result = decide(f"voting.{rule}", {"parameters": {"options": options}, "reports": ballots}).result
        assert result.outcome.winner in result.outcome.tied
    assert any(
        "more ways" in reason.text
        for reason in decide("voting.irv", {"parameters": {"options": options}, "reports": ballots}).result.why
    )


@pytest.mark.parametrize(
    ("rule", "ballot", "message"),
    [
        ("irv", ["a", ["b", "c"]], "takes no ties"),
        ("irv", ["a", "a"], "stands twice"),
        ("borda", ["a"], "missing: b, c"),
        ("schulze", ["a", "d"], "'d' is none of the options"),
        ("schulze", ["a", ["b", "a"]], "stands twice"),
        ("schulze", [[]], "empty"),
        ("approval", ["a", "a"], "stands twice"),
        ("score", {"a": 6}, "from 0 to 5"),
        ("score", {"a": True}, "from 0 to 5"),
        ("majority-judgment", {"a": "great"}, "none of the grades"),
    ],
)
def test_a_wrong_ballot_is_named_with_what_is_wrong(rule, ballot, message):
    document = {"parameters": {"options": ["a", "b", "c"]}, "reports": {"alice": ballot}}
    with pytest.raises(InputError, match=message) as caught:
        decide(f"voting.{rule}", document)
    assert "reports.alice" in str(caught.value)
