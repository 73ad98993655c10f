"""The hand-written rest of the catalogue: e-gift cards, branded swag, direct mail, donations.

One line each: name | price or prices | words.
"""

from __future__ import annotations

EGIFT = """
Coffeehouse eGift Card|10 15 25 50|Coffee, tea and pastries at any participating coffeehouse.
Bluebird Roasters eGift Card|15 25 50|Good for coffee by the cup or beans by the bag.
Everything Store eGift Card|25 50 100 250|Spend it on millions of things, delivered.
Supper Club Delivery eGift Card|25 50 100|Dinner from neighbourhood restaurants, brought to the door.
Lunch on Us eGift Card|15 20 30|One good lunch, ordered to home or office.
Green Fork eGift Card|25 40|Vegan bowls, salads and smoothies, delivered.
Rideshare eGift Card|20 50|Rides across town or to the airport.
Cinema Night eGift Card|20 30 50|Two seats and popcorn at most cinemas.
Streaming Season eGift Card|15 30 60|A season of films and series at home.
Audiobook Credit eGift Card|15 45|Listen to any audiobook in the library.
Corner Bookshop eGift Card|20 30 50|Books from independent bookshops.
Home & Garden eGift Card|50 100|Tools, plants and paint for weekend projects.
Sports Outfitters eGift Card|25 50 100|Shoes, gear and jerseys for every sport.
Outdoor Co-op eGift Card|50 100|Tents, boots and packs for the trail.
Spa & Massage eGift Card|75 120|A massage or facial at a spa nearby.
Mindful Minutes eGift Card|25 60|A season of guided meditation and sleep stories.
Fitness Studio eGift Card|30 90|Drop-in classes: yoga, spin or boxing.
Airline Miles eGift Card|100 250|Put it towards any flight.
Boutique Hotel eGift Card|150 300|A night away at one of four hundred small hotels.
Online Learning eGift Card|40 80|Courses from photography to Python.
Pet Supply eGift Card|25 50|Food, toys and treats for dogs, cats and their owners.
Gamer's eGift Card|20 50|Games and add-ons for console or computer.
Flower Delivery eGift Card|40 75|Choose a bouquet and the day it comes.
Baby & Kids eGift Card|30 60|Clothes, books and toys for new parents to choose.
Prepaid Visa-style Reward Card|25 50 100 200|Spend it wherever cards are taken.
"""

SWAG = """
Logo Water Bottle|24|Insulated steel with the company logo, laser engraved.
Embroidered Quarter-Zip|58|Soft fleece with the logo on the chest.
Company Hoodie|46|Heavy brushed cotton with a printed back.
Logo T-Shirt|22|Organic cotton tee with a one-colour print.
Branded Tote Bag|18|Heavy canvas that carries a laptop and groceries.
Trucker Cap|21|A curved brim with a woven patch.
Knit Beanie|19|Ribbed knit with a stitched label.
Logo Socks|14|Combed cotton in company colours.
Branded Notebook and Pen|20|Dotted pages, a soft cover and a metal pen.
Ceramic Logo Mug|16|A sturdy coffee mug with a wraparound print.
Travel Tumbler|29|Spill-proof and insulated, logo on the side.
Laptop Sleeve|38|Recycled felt with a debossed logo.
Branded Backpack|79|A commuter pack with a padded laptop pocket.
Rain Jacket|84|Packable shell with a reflective logo.
Puffer Vest|72|Recycled down with tonal embroidery.
Sticker Sheet|8|Die-cut vinyl stickers for laptops and bottles.
Enamel Pin Set|12|Three pins on a printed card.
Desk Mat with Logo|33|Stitched edges and a non-slip base.
Branded Wireless Charger|36|Bamboo pad with the logo under the phone.
Branded Power Bank|42|A slim charger with a glowing logo.
Conference Lanyard Kit|11|Lanyard, badge holder and a tiny notebook.
Umbrella with Logo|31|Opens wide and stands up to wind.
Branded Picnic Blanket|44|Fleece and waterproof, rolled with a strap.
Golf Polo|52|A breathable polo with sleeve embroidery.
Logo Baby Onesie|23|Tiny swag for new parents on the team.
Dog Bandana with Logo|13|Company colours for the office dog.
Plush Mascot|26|The company mascot, soft and huggable.
New Hire Welcome Kit|92|Hoodie, mug, notebook and stickers for the first day.
Work From Home Swag Box|88|Mug, slippers and a blanket in company colours.
Branded Cooler Bag|35|Holds twelve cans and a good logo.
Card Deck with Logo|15|Playing cards with custom backs.
Branded Candle|28|Soy wax in a tin with a custom label.
"""

DIRECT_MAIL = """
Handwritten Thank You Note|9|A thank you note in real ink on cotton paper.
Handwritten Congratulations Note|9|A few warm lines by hand for a promotion or a launch.
Handwritten Birthday Card|10|A birthday card written and stamped by hand.
Holiday Greeting Card|8|A letterpress card with a signed greeting.
Welcome Aboard Letter|12|A personal letter for new customers, on letterhead.
Meeting Reminder Postcard|5|A bright postcard ahead of a demo or a visit.
Event Invitation Mailer|14|A heavy card invitation with an RSVP code.
Video Brochure|49|A booklet that opens to a small screen and a greeting.
Dimensional Mailer Box|35|A printed box with a puzzle and a card inside.
Pop-Up Card|13|A paper skyline that rises as it opens.
Seed Paper Card|11|Plant the card and wildflowers grow.
Gift Box with Cookie Card|22|One large iced cookie and a handwritten card.
Coffee Sachet Mailer|16|A flat mailer with two drip coffees and a note.
Lottery of Fun Scratch Card|7|A scratch card that reveals a small surprise.
Door Opener Box|58|A padlocked box; the code comes with the first call.
Case Study Booklet|15|A short printed case study with a handwritten cover note.
Desk Calendar Mailer|19|Twelve months of illustrations with room for notes.
Anniversary Postcard Set|17|Six postcards for a year together.
Confetti Celebration Tube|21|A tube of paper confetti and a rolled letter.
Custom Crossword Mailer|18|A crossword about the recipient's own industry.
"""

CHARITY = """
Donation to Ocean Cleanup Crews|25 50 100|Keeps volunteers and boats removing plastic from the sea.
Donation to City Food Banks|25 50 100|Meals for families nearby.
Donation to Reforestation Fund|20 60|Plants native trees where forests burned.
Donation to Animal Rescue Shelters|25 50|Food and care for dogs and cats waiting for a home.
Donation to Children's Literacy|25 50 100|Books and tutors for young readers.
Donation to Clean Water Wells|50 150|Helps a village drill and keep a well.
Donation to Disaster Relief|50 100|Blankets, medicine and shelter in the first days.
Donation to Girls Who Build|30 75|Coding and engineering clubs for girls.
Donation to Veterans' Support|25 75|Counselling and job help for veterans.
Donation to Childhood Cancer Research|50 100|Funds trials and family stays.
Donation to Neighbourhood Arts|20 40|Free music and painting classes.
Donation to Mental Health Helplines|25 50|Keeps a calm voice on the line at night.
Donation to Meals for Seniors|20 40|Hot lunches and company at the door.
Donation to Pollinator Meadows|15 35|Wildflowers and hives for bees.
Donation to Refugee Families|25 75|First rent, language classes and somebody to ask.
Charity Choice Card|25 50 100|The recipient picks the cause that gets the donation.
"""
