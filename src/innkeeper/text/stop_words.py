"""Words so common in English and Greek that they say nothing about what is asked."""

from __future__ import annotations

from typing import Final

ENGLISH: Final = frozenset(
    """
    a about after again all also am an and any are aren't as at be because been before being but by can can't cannot
    could couldn't did didn't do does doesn't doing don't down during each few for from further had has have having he
    her here hers herself him himself his how i if in into is isn't it its itself just let's me might more most must my
    myself no nor not now of off on once only or other our ours ourselves out over own please same shall she should so
    some such than that the their theirs them themselves then there these they this those through to too under until up
    upon us very was wasn't we were weren't what when where which while who whom whose why will with won't would you
    your yours yourself yourselves s t d ll m re ve don didn doesn isn aren wasn weren won couldn
    """.split()  # noqa: SIM905  easier to read and to add to than a list in quotes
)

GREEK: Final = frozenset(
    """
    ο η το οι τα του τησ των τον την τη τουσ τισ ενασ μια ενα ενοσ μιασ και κι ουτε μητε αλλα ομωσ ωστοσο ενω αν
    εαν οταν αφου πριν μετα οτι πωσ που να θα ασ δεν δε μην μη με σε στο στη στην στον στα στουσ στισ στου στησ
    στων απο για προσ κατα παρα αντι χωρισ ωσ εωσ μεχρι εκ εξ εν υπο περι ειναι ειμαι εισαι ειμαστε ειστε ηταν
    ημουν εχω εχεισ εχει εχουμε εχετε εχουν ειχε ειχαν αυτοσ αυτη αυτο αυτοι αυτεσ αυτα αυτου αυτησ αυτων αυτον
    αυτην αυτουσ εκεινοσ εκεινη εκεινο εγω εσυ εμεισ εσεισ μου σου μασ σασ τι ποιοσ ποια ποιο ποιον ποιαν ποιου
    ποιασ ποιοι ποιεσ ποιων ποσο ποσα ποσεσ ποσοι ποσοσ ποση ποτε γιατι οπωσ οπου οποιοσ οποια οποιο οποιοι οποιεσ
    οποιων καθε μονο πολυ πιο τοσο οσο εδω εκει τωρα ηδη επισησ λοιπον οχι ναι
    """.split()  # noqa: SIM905  as above
)

STOP_WORDS: Final = ENGLISH | GREEK
"""Folded, whole words."""
