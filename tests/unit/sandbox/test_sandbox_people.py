from __future__ import annotations

import pytest

from sendoso_mcp.sandbox.people import make_people
from sendoso_mcp.sandbox.refusals import Invalid, Unknown
from sendoso_mcp.sandbox.world import World


def test_sarah_johnson_comes_first_and_can_get_parcels(world: World) -> None:
    sarah = world.people()[0]
    assert (sarah.id, sarah.first_name, sarah.last_name) == ("rcpt_sarah_johnson", "Sarah", "Johnson")
    assert (sarah.title, sarah.company) == ("VP Marketing", "Northwind Robotics")
    assert sarah.can_get_parcels


def test_sixty_people_share_no_id_and_no_email() -> None:
    people = make_people(seed=7)
    assert len(people) == 60
    assert len({person.id for person in people}) == len({person.email for person in people}) == 60


def test_emails_are_plain_ascii_at_invented_companies() -> None:
    for person in make_people(seed=7):
        assert person.email.isascii()
        assert person.email.endswith(".example")


def test_some_people_live_abroad_and_some_have_no_address() -> None:
    addresses = [person.address for person in make_people(seed=7)]
    assert 3 <= addresses.count(None) <= 15
    countries = {address.country for address in addresses if address}
    assert "US" in countries
    assert len(countries) >= 4


def test_no_two_people_share_an_address() -> None:
    addresses = [person.address for person in make_people(seed=7) if person.address]
    assert len({(one.street1, one.city) for one in addresses}) == len(addresses)


def test_a_seed_always_introduces_the_same_people_and_another_others() -> None:
    assert make_people(seed=7) == make_people(seed=7)
    assert make_people(seed=7) != make_people(seed=8)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("chloe", "Chloé Dubois"),
        ("DUBOIS chloé", "Chloé Dubois"),
        ("weiss", "Jürgen Weiß"),
        ("jurgen.weiss@", "Jürgen Weiß"),
        ("lukaszewski", "Mateusz Łukaszewski"),
        ("kjaergaard", "Søren Kjærgaard"),
        ("northwind", "Sarah Johnson"),
        ("nguyen minh", "Minh Anh Nguyễn"),
    ],
)
def test_a_search_disregards_case_and_accents(world: World, search: str, found: str) -> None:
    assert [f"{person.first_name} {person.last_name}" for person in world.people(search)] == [found]


def test_a_search_looks_at_name_and_email_only(world: World) -> None:
    world.add_person(
        first_name="Ida", last_name="Holm", email="ida@post.example", company="Fjord Works", title="CFO"
    )
    assert world.people("fjord") == world.people("cfo") == []
    assert [person.first_name for person in world.people("ida post.example")] == ["Ida"]


def test_every_word_of_a_search_must_match(world: World) -> None:
    sarahs = world.people("sarah")
    assert {person.last_name for person in sarahs} == {"Johnson", "Johansson"}
    assert world.people("sarah dubois") == []


def test_an_empty_search_finds_everybody(world: World) -> None:
    assert len(world.people("  ")) == 60


def test_an_email_belongs_to_one_person_only(world: World) -> None:
    world.add_person(first_name="Ida", last_name="Holm", email="ida@fjord.example")
    with pytest.raises(Invalid) as refusal:
        world.add_person(first_name="Ida", last_name="Holm", email="IDA@fjord.example")
    assert set(refusal.value.errors) == {"email"}
    assert len(world.people("ida holm")) == 1


def test_a_stranger_is_unknown(world: World) -> None:
    with pytest.raises(Unknown):
        world.person("rcpt_stranger")
