"""Words for the comparison of questions: quiet ones, question words, pronouns, numbers, units."""

from collections.abc import Mapping
from types import MappingProxyType

from semvec.words import listed

QUIET_WORDS = listed(
    "a an the of it its am is are was were be been being do does did",
    "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him",
    "his himself she her hers herself they them their theirs themselves",
    "when where who whom whose why how what which and there would s d m re t",
    "please kindly",
)
"""Words that may be on one side only: articles, forms of "be", "do" as an auxiliary, "please".
Pronouns, question words and tense are compared in another way."""
SAME_VERBS = MappingProxyType({"has": "have", "had": "have", "having": "have", "doing": "do"})
"""Forms of verbs that the stemmer does not bring together."""
AUXILIARIES = listed("do does did can could will would shall should may might must to let")
"""Verbs that another one follows, so that a "do" after them is no auxiliary."""
QUESTIONS = MappingProxyType(
    {
        word: kind
        for kind, found in {
            "when": "when wann quand cuándo quando wanneer när kiedy когда",
            "where": "where wo wohin woher où dónde dove onde waar gdzie где куда",
            "who": "who whom wer wen wem qui quién chi quem wie vem kto кто",
            "whose": "whose wessen cuyo чей",
            "why": "why warum wieso pourquoi perché waarom varför dlaczego почему",
            "how": "how cómo hur как",
        }.items()
        for word in found.split()
    }
)
"""Of two questions that both have some of these words, the kinds must be the same."""
MEASURES = listed("many much long old far often tall big large high deep wide fast soon heavy")
"""What makes another question of "how"."""
PERSONS = MappingProxyType(
    {
        **dict.fromkeys(listed("i me my mine myself"), "I"),
        **dict.fromkeys(listed("we us our ours ourselves"), "we"),
        **dict.fromkeys(listed("you your yours yourself yourselves"), "you"),
        **dict.fromkeys(listed("he him his himself"), "he"),
        **dict.fromkeys(listed("she her hers herself"), "she"),
        **dict.fromkeys(listed("they them their theirs themselves"), "they"),
    }
)
NUMBER_WORDS: Mapping[str, str] = MappingProxyType(
    {
        word: number
        for line in (
            "zero:0 two:2 three:3 four:4 five:5 six:6 seven:7 eight:8 nine:9 ten:10 eleven:11",
            "twelve:12 thirteen:13 fourteen:14 fifteen:15 sixteen:16 seventeen:17 eighteen:18",
            "nineteen:19 twenty:20 thirty:30 forty:40 fifty:50 sixty:60 seventy:70 eighty:80",
            "ninety:90 hundred:100 thousand:1000 million:1000000 billion:1000000000 first:1",
            "second:2 third:3 fourth:4 fifth:5 sixth:6 seventh:7 eighth:8 ninth:9 tenth:10",
        )
        for word, number in (pair.split(":") for pair in line.split())
    }
)
MONTH_NAMES = listed(
    "january february march april may june july august september october november december"
)
ORDINAL_WORDS = listed("first second third fourth fifth sixth seventh eighth ninth tenth")
MEASURE_UNITS = MappingProxyType(
    {
        spelling: unit
        for unit, spellings in {
            "$": "$ dollar dollars usd",
            "€": "€ euro euros eur",
            "£": "£ pound pounds gbp",
            "¥": "¥ yen jpy",
            "%": "% percent",
            "°": "° degree degrees",
            "h": "h hr hrs hour hours",
            "min": "min mins minute minutes",
            "s": "sec secs second seconds",
            "day": "day days",
            "week": "week weeks",
            "month": "month months",
            "year": "year years",
            "am": "am a.m",
            "pm": "pm p.m",
            "km": "km kilometer kilometers kilometre kilometres",
            "m": "meter meters metre metres",
            "cm": "cm centimeter centimeters centimetre centimetres",
            "mi": "mi mile miles",
            "ft": "ft foot feet",
            "in": "inch inches",
            "kg": "kg kilo kilos kilogram kilograms",
            "g": "gram grams",
            "lb": "lb lbs",
            "l": "liter liters litre litres",
        }.items()
        for spelling in spellings.split()
    }
)
"""Spellings of one unit; what is not here stands for itself, in its own case."""
