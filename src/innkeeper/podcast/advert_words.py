"""Phrases by which an advertisement in a podcast is known, in English and Greek, and how much each of them says."""

from __future__ import annotations

from typing import Final

OPENINGS: Final = (
    "today's sponsor", "thank our sponsor", "thank our sponsors", "thanks to our sponsor", "thank our second sponsor",
    "talk about our sponsor", "our next sponsor", "our first sponsor", "our second sponsor", "one of our sponsors",
    "word from our sponsor", "words from our sponsors", "brought to you by", "is sponsored by", "support for this",
    "this episode is supported by", "this message comes from", "for sponsoring", "our friends at", "sponsor of",
    "χορηγοσ του επεισοδιου", "χορηγοσ μασ", "χορηγοι μασ", "χορηγου μασ", "χορηγουσ μασ", "με τη χορηγια",
    "με την υποστηριξη", "ευγενικη χορηγια", "το επεισοδιο υποστηριζεται", "διαφημιστικο μηνυμα",
    "διαφημιστικο διαλειμμα",
)  # fmt: skip
"""Two points each. Folded (see `innkeeper.text.folding`), whole words."""

OFFERS: Final = (
    "promo code", "discount code", "coupon code", "use the code", "use code", "offer code", "special offer",
    "free trial", "try it free", "try it for free", "sign up today", "sign up for free", "get started for free",
    "first month free", "off your first", "percent off", "% off", "money back", "no credit card", "free shipping",
    "terms apply", "make sure you head over", "head over to", "head to", "check them out at", "you go to",
    "and tell them", "in credit", "worth of credit", "slash gotime", "link in the show notes",
    "i strongly recommend it",
    "κωδικο προσφορασ", "εκπτωτικο κωδικο", "κωδικοσ εκπτωσησ", "κωδικο εκπτωσησ", "με τον κωδικο",
    "τοισ εκατο εκπτωση",
    "εκπτωση στην πρωτη", "δωρεαν δοκιμη", "δοκιμασε το δωρεαν", "δοκιμαστε το δωρεαν", "δωρεαν μεταφορικα",
    "μπειτε στο", "μπεσ στο", "επισκεφθειτε το", "επισκεφτειτε το", "ισχυουν οροι",
)  # fmt: skip
"""One point each; so has an address as it is spoken, with something behind the slash:
example.com/show."""

CHAPTERS: Final = (
    "sponsor", "sponsors", "sponsored", "advert", "adverts", "advertisement", "advertisements", "ad", "ads", "ad break",
    "commercial", "commercial break", "χορηγοσ", "χορηγοι", "χορηγια", "χορηγιεσ", "διαφημιση", "διαφημισεισ",
    "διαφημιστικο διαλειμμα",
)  # fmt: skip
"""A chapter or a speaker with one of these in its name is an advertisement."""
