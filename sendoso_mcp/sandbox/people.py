"""Who gifts go to: an address book of invented people at invented companies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from sendoso_mcp.sandbox.dice import dice
from sendoso_mcp.sandbox.words import plain, slug

_NAMES = """
    Sofia Ramírez; Priya Natarajan; Marcus Oyelaran; Chloé Dubois; Jürgen Weiß; Aiko Tanaka; Liam O'Connor
    Zoë Papadopoulos; Mateusz Łukaszewski; Fatima Al-Sayed; Søren Kjærgaard; Isabella Conti; Kwame Mensah
    Hannah Goldberg; Nguyễn Minh Anh; Carlos Peña; Ingrid Åström; Dmitri Volkov; Yusuf Çelik; Emily Carter
    Raj Malhotra; Ana Beatriz Gonçalves; Tom Whitfield; Mei-Ling Chen; Oluwaseun Adeyemi; Lucía Fernández
    Björn Eriksson; Grace Kim; Tomáš Dvořák; Aaliyah Brooks; Daniel Schäfer; Siobhán Murphy; Hiroshi Yamamoto
    Amara Okafor; Noah Feldman; Renée Lefèvre; Andrei Popescu; Jasmine Patel; Miguel Ángel Torres
    Sarah Johansson; Omar Haddad
    Katarzyna Wiśniewska; Ethan Brooks; Leilani Kealoha; Vikram Iyer; Nora Lindqvist; Freya Halvorsen
    Gabriel Núñez; Thandiwe Dlamini; Victor Hugo Araújo; Alice Moreau; Kenji Sato; Rebecca Stein
    Ayşe Demirtaş; Jonas Müller; Imani Jackson; Elena Petrova; Finn Gallagher; Camila Rojas
"""

_COMPANIES = """
    Harborline Freight; Bluefin Analytics; Larkspur Health; Ironwood Capital; Meridian Grid; Papertrail Legal
    Sunbeam Schools; Quarry Cloud; Tidepool Media; Fernhill Foods; Orbit Payroll; Copperline Telecom
    Harvest Metrics; Silver Birch Insurance; Pinecrest Security; Volta Mobility; Cobalt Games; Juniper Hotels
"""

_TITLES = """
    Account Executive; Chief of Staff; Chief Revenue Officer; Customer Success Manager; Director of Operations
    Engineering Manager; Head of People; Head of Procurement; IT Director; Marketing Manager; Product Manager
    RevOps Lead; Sales Development Representative; Senior Software Engineer; VP Customer Success; VP Finance
    VP Sales; Office Manager; Founder & CEO; Director of Demand Generation
"""

# The house number is everybody's own.
_ADDRESSES = """
    {house} Juniper Street|Apt {unit}B|Austin|TX|78702|US; {house} Wharf Lane||Boston|MA|02110|US
    {house} Alder Avenue|Suite {unit}10|Seattle|WA|98101|US
    {house} Mission Terrace||San Francisco|CA|94103|US; {house} Larimer Court||Denver|CO|80204|US
    {house} Peachtree Walk|Floor {unit}|Atlanta|GA|30303|US; {house} Lake View Road||Chicago|IL|60611|US
    {house} Magnolia Drive||Nashville|TN|37203|US; {house} Orchard Hill||Portland|OR|97205|US
    {house} Biscayne Way|Unit {unit}04|Miami|FL|33131|US; {house} Harlem Row|Apt {unit}|New York|NY|10027|US
    {house} Camelback Path||Phoenix|AZ|85016|US; {house} Nicollet Square||Minneapolis|MN|55401|US
    {house} Capitol Bend||Raleigh|NC|27601|US
    {house} Liberty Yard|Suite {unit}2|Philadelphia|PA|19106|US
    {house} Temple View||Salt Lake City|UT|84101|US; {house} Ward Crescent||Honolulu|HI|96814|US
    {house} Congress Mews||Portland|ME|04101|US; {house} Clover Gardens|Flat {unit}|London||E2 7DP|GB
    {house} Queen's Quay|Suite {unit}00|Toronto|ON|M5J 2Y5|CA; Ahornweg {house}||Berlin||10115|DE
    {house} rue des Tilleuls||Lyon||69002|FR; {house} Banksia Parade||Melbourne|VIC|3000|AU
    Calle del Olmo {house}|{unit}º B|Madrid||28012|ES; {house} Harcourt Mews||Dublin||D02 XE81|IE
    {house} Tulpenkade||Utrecht||3511 AB|NL
"""

_FIRST_ADDED = datetime(2023, 1, 9, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """Where parcels go."""

    street1: str | None = None
    street2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str = "US"

    @property
    def is_deliverable(self) -> bool:
        """Whether a carrier would find it; not every country has states and postal codes."""
        return bool(self.street1 and self.city)


@dataclass(frozen=True)
class Person:
    """Somebody in the address book."""

    id: str
    first_name: str
    last_name: str
    email: str
    created_at: datetime
    company: str | None = None
    title: str | None = None
    address: PostalAddress | None = None

    @property
    def can_get_parcels(self) -> bool:
        """Whether there is somewhere to ship to."""
        return self.address is not None and self.address.is_deliverable

    @cached_property
    def _haystack(self) -> str:
        return plain(f"{self.first_name} {self.last_name} {self.email}")

    def matches(self, search: str) -> bool:
        """Whether every word occurs somewhere in name or email, accents and case aside."""
        return all(word in self._haystack for word in plain(search).split())


def make_people(seed: int) -> list[Person]:
    """The address book of a seed: Sarah Johnson first, then the others in a shuffled order."""
    rng = dice(seed, "people")
    names = _listed(_NAMES)
    rng.shuffle(names)
    doors = dice(seed, "doors")
    houses = doors.sample(range(2, 400), len(names))
    people = [_sarah()]
    for name, house in zip(names, houses, strict=True):
        first, last = _split_name(name)
        company = rng.choice(_listed(_COMPANIES))
        handle = f"{slug(first, '')}.{slug(last, '')}"
        people.append(
            Person(
                id=f"rcpt_{slug(name, '_')}",
                first_name=first,
                last_name=last,
                email=f"{handle}@{slug(company, '')}.example",
                created_at=_FIRST_ADDED + timedelta(minutes=rng.randrange(540 * 24 * 60)),
                company=company,
                title=rng.choice(_listed(_TITLES)),
                # About one in ten is known by email only.
                address=None
                if rng.random() < 0.1
                else _address(rng.choice(_listed(_ADDRESSES)), house, doors.randint(2, 9)),
            )
        )
    return people


def _sarah() -> Person:
    return Person(
        id="rcpt_sarah_johnson",
        first_name="Sarah",
        last_name="Johnson",
        email="sarah.johnson@northwindrobotics.example",
        created_at=_FIRST_ADDED,
        company="Northwind Robotics",
        title="VP Marketing",
        address=PostalAddress("1280 Foundry Street", "Suite 400", "Portland", "OR", "97209", "US"),
    )


def _listed(block: str) -> list[str]:
    return [entry.strip() for line in block.split("\n") for entry in line.split(";") if entry.strip()]


def _split_name(name: str) -> tuple[str, str]:
    # Of three words the middle one is a second given name, except where the family name comes first.
    words = name.split()
    if words[0] == "Nguyễn":
        return " ".join(words[1:]), words[0]
    return " ".join(words[:-1]), words[-1]


def _address(written: str, house: int, unit: int) -> PostalAddress:
    parts = written.format(house=house, unit=unit).split("|")
    street1, street2, city, state, postal_code, country = (part or None for part in parts)
    return PostalAddress(street1, street2, city, state, postal_code, country or "US")
