"""How the example shop is made: its catalogue, its people, what they did in a year, and its pictures."""
