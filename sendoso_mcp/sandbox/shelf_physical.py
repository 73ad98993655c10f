"""The hand-written gifts that come in a box. One a line: name | price | words.

With a number after the words it is always available, and ships in so many days.
"""

from __future__ import annotations

PHYSICAL = """
Cold Brew Kit|48|A glass brewer, coarse-ground beans and a flask for any coffee lover.
Pour-Over Coffee Set|62|Ceramic dripper, paper filters and a bag of single-origin beans.
Coffee Lover's Morning Box|34|Three small-roaster coffees, a stoneware mug and biscotti for a coffee lover.|2
Burr Coffee Grinder|74|A hand grinder with steel burrs for the freshest cup of coffee.
Barista Latte Art Kit|56|Milk pitcher, thermometer and stencils for home baristas.
Loose Leaf Tea Chest|44|Twelve teas from smoky black to calming chamomile.
Matcha Ceremony Set|52|Bamboo whisk, bowl and stone-ground green tea.
Chai Spice Box|29|Whole spices and Assam tea to brew masala chai at home.
Chocolate Truffles, Box of 24|38|Hand-rolled dark and milk chocolate truffles in a ribboned box.
Single-Origin Chocolate Library|46|Eight bars of bean-to-bar chocolate from eight countries.
Vegan Chocolate Truffles|36|Dairy-free truffles with oat milk ganache and sea salt.
Salted Caramel Tin|24|Soft butter caramels finished with flakes of sea salt.
Macaron Gift Box|34|Eighteen French macarons in six flavours.
Gourmet Cookie Tin|32|Two dozen bakery cookies, from ginger snap to double chocolate.
Vegan Snack Box|42|Plant-based snacks: roasted chickpeas, fruit bars and vegan jerky.
Healthy Office Snack Crate|58|Nuts, dried fruit and low-sugar bars for a whole team to share.
Gluten-Free Treat Box|45|Brownies, crackers and granola, all without gluten.
Artisan Cheese Board|68|Three aged cheeses, crackers and quince paste on an acacia board.
Charcuterie Picnic Box|79|Cured meats, olives and mustard, chilled and ready to serve.
Olive Oil Tasting Trio|54|Three extra virgin olive oils from family groves.
Hot Sauce Passport|37|Six hot sauces from mild to reckless, with a tasting map.
Honey Flight|33|Wildflower, orange blossom and buckwheat honey with a dipper.
Gourmet Popcorn Tower|28|Caramel, cheddar and kettle corn, stacked and tied.
Pancake Breakfast Box|41|Buttermilk mix, maple syrup and berry jam for a slow Sunday.
Fresh Pasta Night|49|Bronze-cut pasta, slow tomato sauce and a block of parmesan.
Ramen Night Kit|43|Noodles, broth and toppings for four bowls of ramen.
Taco Fiesta Kit|39|Heirloom tortillas, salsas and spice rubs for taco night.
Spice Market Set|47|Ten freshly ground spices with recipe cards for keen cooks.
Mocktail Mixer Set|44|Botanical syrups and bitters for alcohol-free cocktails.
Sparkling Cider Pair|31|Two bottles of alcohol-free orchard cider.
Fruit and Nut Basket|64|Seasonal pears, apples and roasted nuts in a willow basket.
Birthday Cake in a Jar|27|Six layered cakes in jars, with candles and sprinkles.
Noise Cancelling Headphones|249|Over-ear wireless headphones that hush planes and open offices.
Wireless Earbuds|119|Pocket-size earbuds with noise cancelling and a charging case.
Portable Bluetooth Speaker|69|A splash-proof speaker with twelve hours of battery.
Wireless Charging Pad|39|A walnut pad that charges phone and earbuds together.
Power Bank|45|Ten thousand milliamp hours for travel days.
Webcam with Ring Light|89|Sharp video and flattering light for calls from home.
Mechanical Keyboard|129|Quiet switches and a solid frame for long typing days.
Ergonomic Wireless Mouse|59|A vertical grip that is kind to wrists.
USB-C Travel Hub|52|Seven ports in an aluminium case for laptops on the road.
Smart Mug Warmer|64|Keeps coffee or tea at the chosen temperature for hours.
Smart Notebook|34|Write by hand, scan to the cloud, wipe and reuse.
Tech Organizer Pouch|36|Elastic loops and pockets that tame cables and chargers.
Luggage Tracker Pair|58|Two trackers that find bags and keys from a phone.
E-Reader Stand and Light|29|A folding stand and a warm clip-on light for late readers.
Pocket Photo Printer|99|Prints phone snapshots on sticky paper, no ink needed.
Retro Game Console|79|Two controllers and a hundred built-in classic games.
Work From Home Desk Kit|95|Laptop stand, desk mat and cable tray for a better home office.
Bamboo Laptop Stand|49|Raises the screen to eye level and folds flat.
Felt and Leather Desk Mat|54|A calm, wide surface for keyboard, mouse and papers.
Desk Lamp with Dimmer|72|Warm to cool light with a wireless charger in the base.
Fountain Pen Set|66|A medium nib, a converter and two bottles of ink.
Leather Journal|42|Two hundred cream pages bound in full-grain leather.
Productivity Planner Set|33|A quarter of undated pages, stickers and a good pen.
Desktop Zen Garden|28|Sand, stones and a tiny rake for a calm moment at the desk.
Magnetic Desk Sculpture|31|Steel pieces that stack into new shapes during long calls.
Seat Cushion and Footrest|76|Memory foam comfort for people who work from home.
Desk Succulent Trio|38|Three easy succulents in ceramic pots.
Low-Light Snake Plant|46|A forgiving potted plant for offices with small windows.
Orchid in Stoneware|64|A flowering orchid that lasts for months.
Herb Garden Windowsill Kit|35|Basil, mint and parsley seeds with pots and soil.
Bonsai Starter Kit|48|Four kinds of tree seeds, pruning shears and a guide.
Terrarium Kit|52|Glass, moss and pebbles to plant a tiny landscape.
Air Plant Display|33|Three air plants on driftwood; no soil needed.
Seasonal Flower Bouquet|69|Fresh stems from local growers, arranged by hand.
Dried Flower Wreath|57|A lasting wreath of lavender, wheat and statice.
Spa Day at Home|78|Bath salts, clay mask, candle and a waffle robe belt: a spa in a box.
Lavender Relaxation Box|49|Lavender pillow spray, eye mask and bath soak.
Aromatherapy Diffuser|55|An ultrasonic diffuser with three essential oils.
Scented Soy Candle Trio|44|Fig, cedar and sea salt candles in reusable glass.
Massage Gun|139|Deep muscle relief with four heads and a quiet motor.
Weighted Blanket|98|Seven kilos of gentle calm in washable cotton.
Silk Sleep Set|74|Silk pillowcase and eye mask for better sleep.
Sunrise Alarm Clock|66|Wakes with slow light and birdsong instead of a buzzer.
Yoga Mat and Strap|62|A natural rubber mat for stretching between meetings.
Resistance Band Set|32|Five bands and a door anchor for workouts anywhere.
Meditation Cushion|58|Buckwheat filling and a card deck of short practices.
Foot Care Kit|36|Peppermint soak, pumice stone and soft socks.
Shower Steamer Set|26|Eucalyptus and citrus steamers for a spa-like shower.
Skincare Discovery Set|68|Cleanser, serum and balm in travel sizes, vegan and unscented.
Beard Grooming Kit|39|Oil, balm, comb and scissors in a canvas roll.
Turkish Cotton Robe|89|A light hooded robe for slow mornings.
Cashmere Throw|159|A soft throw in oatmeal for sofas and long flights.
Merino Wool Socks, Four Pairs|48|Warm, thin and washable; in a letterbox carton.
Cast Iron Skillet|59|A pre-seasoned pan that will outlive the kitchen.
Chef's Knife|128|Forged steel, a walnut handle and a cork guard.
Wooden Salad Servers|34|Hand-carved olive wood, finished with oil.
Marble Serving Board|52|White marble with a leather loop.
Stoneware Mug Pair|36|Two hand-glazed mugs for coffee with company.
Cocktail Shaker Set|67|Shaker, jigger and strainer in brushed steel.
Whiskey Stones and Tumblers|58|Two heavy glasses and soapstone cubes.
Wine Accessory Case|49|Corkscrew, aerator and stoppers in a bamboo case.
Insulated Wine Tumblers|42|A pair that keeps drinks cold at the campsite.
Bread Baking Kit|54|Banneton, scraper and a lively sourdough starter.
Pizza Stone and Peel|63|Crisp crust from an ordinary oven.
Home Fragrance Reed Set|41|Reeds and oil that scent a room for three months.
Linen Apron|44|Washed linen with deep pockets and crossed straps.
Picnic Blanket|56|Wool on top, waterproof below, with a carry strap.
Camping Hammock|65|Parachute nylon, tree straps and a pouch.
Insulated Water Bottle|35|Keeps water cold for a day; fits bicycle cages.
Enamel Camp Mug Set|38|Four speckled mugs for the fire or the patio.
Trail Daypack|84|A light twenty-litre backpack with a rain cover.
Headlamp and Lantern Pair|47|Rechargeable light for tents and power cuts.
Pocket Multi-Tool|55|Fourteen tools in brushed steel, with a sheath.
Compact Binoculars|92|Bright eight-power optics for birds and ball games.
Stargazing Kit|73|A star wheel, a red torch and a field guide to the night sky.
Golf Lover's Gift Box|64|Balls, tees, a towel and a divot tool in a cedar box.
Cycling Commuter Kit|69|Lights, a bell and a roll of repair tools.
Beach Day Tote|57|Towel, paddle game and mineral sunscreen.
Fire Pit Marshmallow Kit|37|Skewers, marshmallows, chocolate and graham crackers.
Cooler Backpack|78|Keeps lunch for four cold on a long walk.
New Parents Care Package|88|Snacks, coffee, cream and a soft swaddle for tired new parents.
Organic Baby Layette|72|Bodysuits, hat and booties in organic cotton for a newborn.
Baby Milestone Blanket|46|A muslin blanket with month cards for photographs.
Wooden Stacking Toys|34|Beech rings and cups painted with water-based colours.
First Library Board Books|39|Six sturdy picture books for baby's first shelf.
Kids Science Lab|52|Twenty safe experiments for curious children.
Kids Craft Crate|41|Paper, felt and glue for rainy afternoons with kids.
Family Board Game Night|58|Two cooperative games and a bowl of popcorn.
Thousand-Piece Puzzle|27|A painted harbour scene on thick, linen-finish card.
Plush Bear and Storybook|36|A soft bear and the story it stars in.
Dog Owner's Gift Box|49|Treats, a rope toy and a bandana for a good dog and its owner.
Dog Treat Bakery Tin|29|Peanut butter and pumpkin biscuits for dogs.
Puppy Welcome Kit|56|Chew toys, a blanket and training treats for a new puppy.
Cat Lover's Box|45|Catnip toys, salmon treats and a scratching mat for cats.
Pet Portrait Kit|62|Send a photograph, receive a painted portrait of dog or cat.
Heated Pet Bed|68|Gentle warmth for old dogs and particular cats.
Bestselling Novel Trio|48|Three recent novels, wrapped and labelled by mood.
Leadership Book Bundle|54|Three sharp books on leading teams, with a notebook.
Cookbook and Wooden Spoon|42|Weeknight recipes and a cherry wood spoon.
Blind Date with a Book|26|A wrapped book chosen by booksellers from three clues.
Poetry and Tea Parcel|32|A slim anthology and a tin of Earl Grey.
Coffee Table Photo Book|65|Large-format landscapes on heavy paper.
Travel Journal and Map|39|A cork map, pins and a journal for the next trip.
Virtual Wine Tasting Kit|95|Four half bottles and a live online tasting with a sommelier.
Virtual Chocolate Tasting Kit|59|Six chocolates and a guided online tasting for a team.
Mixology Class in a Box|84|Tools, syrups and a live online class.
Candle Making Experience|63|Wax, wicks and a video class for two candles.
Watercolour Starter Experience|55|Paints, brushes and four online lessons.
Pottery at Home Kit|67|Air-dry clay, tools and a recorded class.
Escape Room in a Box|48|An evening of puzzles for a remote team or a family.
Sushi Making Experience|71|Rice, nori, a mat and an online class with a chef.
Sourdough Workshop Kit|58|A starter, a tin and a two-hour online workshop.
Executive Welcome Hamper|185|Champagne truffles, a leather journal and a cashmere scarf.
Holiday Celebration Hamper|145|Cookies, cider, candles and a board for sharing.
Thank You Gift Tower|74|Three stacked boxes of chocolate, nuts and caramel.
Get Well Soup Parcel|52|Chicken or vegan soup, rolls and a ladle for sick days.
Sympathy Comfort Box|66|Tea, honey, a candle and a quiet note.
Housewarming Basket|86|Bread, salt, a candle and a doormat for a new home.
Work Anniversary Keepsake|78|An engraved walnut clock for years well worked.
Self-Care Sunday Box|59|A mask, bath soak, tea and a paperback.
Rainy Day Box|46|Cocoa, socks, a puzzle and a candle.
"""
