"""Why the team sends gifts: for each occasion what the cards may say, and the gifts that go with it.

Every occasion has a gift that goes by email, for people without a postal address.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

# name | how often it comes up, next to the others; then what cards say; then, after >, what goes with them.
_TABLE = """
promotion | 4
    Congratulations on the promotion, {name}! Well deserved.
    Well earned, {name}: congratulations on the new role!
    > Leather Journal; Fountain Pen Set; Leadership Book Bundle; Smart Notebook; Desk Succulent Trio
    > Chocolate Truffles, Box of 24; Handwritten Congratulations Note; Sparkling Cider Pair
    > Supper Club Delivery eGift Card $100; Corner Bookshop eGift Card $50
coffee | 4
    Thank you for your time, {name}. Coffee is on us before the next call.
    Looking forward to our call, {name}. The coffee is on us!
    > Coffeehouse eGift Card $50; Coffeehouse eGift Card $25; Bluebird Roasters eGift Card $50
    > Pour-Over Coffee Set; Burr Coffee Grinder; Cold Brew Kit; Coffee Sachet Mailer; Barista Latte Art Kit
lunch | 2
    Lunch is on us, {name}. Thank you for the long session with your team.
    > Lunch on Us eGift Card $30; Green Fork eGift Card $40; Supper Club Delivery eGift Card $50
birthday | 4
    Happy birthday, {name}! Have a wonderful year.
    Many happy returns, {name}! Enjoy your day.
    > Birthday Cake in a Jar; Macaron Gift Box; Chocolate Truffles, Box of 24; Vegan Chocolate Truffles
    > Handwritten Birthday Card; Bestselling Novel Trio; Scented Soy Candle Trio; Seasonal Flower Bouquet
    > Flower Delivery eGift Card $75; Cinema Night eGift Card $50; Corner Bookshop eGift Card $50
welcome | 3
    Welcome aboard, {name}! We are delighted to work with you and the team at {company}.
    Welcome aboard, {name}! A small something to start with.
    > Branded Tote Bag; Branded Notebook and Pen; Logo Water Bottle; Travel Tumbler; Welcome Aboard Letter
    > Ceramic Logo Mug; Company Hoodie; Branded Backpack; Fruit and Nut Basket; Pancake Breakfast Box
    > Coffeehouse eGift Card $50
anniversary | 3
    Another year together, {name}. Thank you, and thanks to everyone at {company}.
    Here's to another year of working together, {name}!
    > Anniversary Postcard Set; Artisan Cheese Board; Thank You Gift Tower; Olive Oil Tasting Trio
    > Stoneware Mug Pair; Picnic Blanket; Charity Choice Card $50; Supper Club Delivery eGift Card $50
    > Virtual Chocolate Tasting Kit; Donation to Reforestation Fund $60
speaker | 2
    Thanks for speaking at our event, {name}; the audience is still talking about it.
    > Leather Journal; Handwritten Thank You Note; Embroidered Quarter-Zip; Portable Bluetooth Speaker
    > Travel Journal and Map; Corner Bookshop eGift Card $50; Donation to Children's Literacy $50
launch | 3
    Congratulations on the launch, {name}! Treat yourself to something nice.
    What a launch, {name}! Time to celebrate.
    > Sparkling Cider Pair; Gourmet Popcorn Tower; Confetti Celebration Tube; Salted Caramel Tin
    > Single-Origin Chocolate Library; Supper Club Delivery eGift Card $50; Cinema Night eGift Card $50
    > Mixology Class in a Box; Spa & Massage eGift Card $75
conference | 3
    Enjoyed meeting you at the conference, {name}. Let's continue the conversation soon.
    Good to meet you between the talks, {name}. Something for the next conference.
    > Branded Notebook and Pen; Branded Wireless Charger; Branded Power Bank; Tech Organizer Pouch
    > Travel Tumbler; Luggage Tracker Pair; USB-C Travel Hub; Rideshare eGift Card $50
referral | 3
    Thank you for the referral, {name}. It made our week.
    Your referral means a lot to us, {name}. Thank you!
    > Handwritten Thank You Note; Thank You Gift Tower; Salted Caramel Tin; Gourmet Cookie Tin; Honey Flight
    > Macaron Gift Box; Everything Store eGift Card $50; Fruit and Nut Basket
    > Donation to City Food Banks $50
recovery | 1
    Get well soon, {name}. Everyone here is thinking of you.
    > Get Well Soup Parcel; Loose Leaf Tea Chest; Honey Flight; Rainy Day Box; Thousand-Piece Puzzle
    > Bestselling Novel Trio; Audiobook Credit eGift Card $45; Flower Delivery eGift Card $40
holidays | 30
    Happy holidays to you and everyone at {company}, {name}!
    Happy holidays, {name}! Enjoy the break.
    > Holiday Greeting Card; Gourmet Cookie Tin; Gourmet Popcorn Tower; Chai Spice Box; Salted Caramel Tin
    > Scented Soy Candle Trio; Fruit and Nut Basket; Healthy Office Snack Crate; Charity Choice Card $50
    > Everything Store eGift Card $50; Donation to City Food Banks $50
apology | 2
    Sorry for the rocky rollout, {name}. Thank you for your patience with us.
    > Gourmet Cookie Tin; Healthy Office Snack Crate; Self-Care Sunday Box; Aromatherapy Diffuser
    > Handwritten Thank You Note; Desktop Zen Garden; Spa & Massage eGift Card $75
    > Green Fork eGift Card $40
contract | 3
    To celebrate a signed contract: thank you, {name}!
    It's signed! Thank you for all your work on the contract, {name}.
    > Sparkling Cider Pair; Fountain Pen Set; Charcuterie Picnic Box; Artisan Cheese Board
    > Chocolate Truffles, Box of 24; Orchid in Stoneware; Cashmere Throw; Virtual Wine Tasting Kit
    > Supper Club Delivery eGift Card $100
baby | 2
    Congratulations on the new arrival, {name}! Wishing your family sleep and joy.
    > New Parents Care Package; Organic Baby Layette; Baby Milestone Blanket; First Library Board Books
    > Plush Bear and Storybook; Wooden Stacking Toys; Logo Baby Onesie
    > Baby & Kids eGift Card $30; Baby & Kids eGift Card $60
home | 1
    Congratulations on the new home, {name}! May it be a happy one.
    > Housewarming Basket; Low-Light Snake Plant; Herb Garden Windowsill Kit; Marble Serving Board
    > Home & Garden eGift Card $50
puppy | 1
    Congratulations on the new puppy, {name}! Everyone here wants to see pictures.
    > Puppy Welcome Kit; Dog Owner's Gift Box; Dog Treat Bakery Tin; Pet Supply eGift Card $50
demo | 3
    Thank you for your good questions in the demo, {name}.
    Thank you for joining the demo, {name}. We look forward to hearing what {company} thinks.
    > Gourmet Popcorn Tower; Magnetic Desk Sculpture; Smart Notebook; Single-Origin Chocolate Library
    > Desk Lamp with Dimmer; Handwritten Thank You Note; Escape Room in a Box
    > Coffeehouse eGift Card $50; Charity Choice Card $50
golf | 1
    Good luck at the charity golf day, {name}!
    > Golf Lover's Gift Box; Golf Polo; Sports Outfitters eGift Card $50
host | 2
    Thank you for having us at {company}, {name}. It was a good visit.
    > Seasonal Flower Bouquet; Desk Succulent Trio; Fruit and Nut Basket; Handwritten Thank You Note
    > Stoneware Mug Pair; Flower Delivery eGift Card $75; Donation to Pollinator Meadows $35
"""
_Day = tuple[int, int]
_ALL_YEAR: tuple[_Day, _Day] = ((1, 1), (12, 31))
_SEASONS = {"holidays": ((11, 20), (12, 31)), "golf": ((4, 1), (10, 15))}
# What would contradict an earlier card: nobody is welcomed after years, or years after a welcome.
_NOT_AFTER = {
    "welcome": frozenset({"anniversary", "apology", "holidays", "referral"}),
    "anniversary": frozenset({"contract", "welcome"}),
}


@dataclass(frozen=True, slots=True)
class Occasion:
    """A reason to send a gift, which comes up once for a person."""

    name: str
    share: int
    messages: tuple[str, ...]
    gifts: tuple[str, ...]

    def suits(self, day: date, before: Collection[str]) -> bool:
        """Whether it can come up on this day for somebody who had the occasions `before`."""
        first, last = _SEASONS.get(self.name, _ALL_YEAR)
        if not first <= (day.month, day.day) <= last:
            return False
        return self.name not in before and _NOT_AFTER.get(self.name, frozenset()).isdisjoint(before)


def _read(table: str) -> Iterator[Occasion]:
    for block in re.split(r"\n(?=\S)", table.strip()):
        heading, *lines = (line.strip() for line in block.split("\n"))
        name, share = heading.split(" | ")
        gifts = "; ".join(line.removeprefix("> ") for line in lines if line.startswith(">"))
        messages = tuple(line for line in lines if not line.startswith(">"))
        yield Occasion(name, int(share), messages, tuple(gifts.split("; ")))


OCCASIONS = {occasion.name: occasion for occasion in _read(_TABLE)}
