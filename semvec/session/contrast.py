"""Words that distinguish questions of otherwise equal words: negations, opposites, numbers, units,
times.

English is complete. Other languages have negations, and prepositions and question words that are
not English words.
"""

from collections.abc import Mapping
from types import MappingProxyType

from semvec.words import listed

NEGATIONS = listed(
    "not no never none nobody nothing nowhere neither nor without cannot non hardly barely",
    "nicht kein keine keinen keinem keiner keines nie niemals niemand nichts ohne weder",
    "ne pas jamais aucun aucune sans personne sin nunca jamás nadie nada ningún ninguna ninguno",
    "não sem ninguém nenhum nenhuma senza nessuno nessuna niente neanche niet geen nooit zonder",
    "ikke ingen aldrig aldri uden uten inte utan nie nigdy bez değil yok nincs nem ei ilman",
    "не нет никогда без ни нельзя δεν όχι χωρίς لا ليس بدون לא בלי नहीं बिना",
)
CONTRARIES = listed(
    "before after until till since from off out down under below above behind inside outside",
    "against except unless despite versus vs between beyond instead",
    "more less fewer least most fewest minimum maximum min max only except again",
    "last next previous earliest latest oldest newest old new",
    "higher lower greater smaller larger bigger highest lowest largest smallest biggest",
    "increase decrease raise reduce enable disable open close opened closed start stop begin end",
    "buy sell lend borrow win lose accept reject allow forbid permit deny import export upload",
    "download encrypt decrypt encode decode install uninstall add remove create delete push pull",
    "arrive depart arrival departure enter exit entry true false left right north south east west",
    "possible impossible legal illegal safe unsafe valid invalid known unknown lock unlock",
    "connect disconnect subscribe unsubscribe mount unmount yes",
    "vor nach von bis seit unter über gegen avant après depuis contre desde hasta",
    "antes después depois contra prima dopo contro voor tegen före efter",
)
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
"""Two questions that both have such words must have the same kinds."""
MEASURES = listed("many much long old far often tall big large high deep wide fast soon heavy")
"""Words that make "how" a question of its own: how many, how far."""
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
TIME_WORDS = listed(
    "january february april june july august september october november december monday tuesday",
    "wednesday thursday friday saturday sunday spring summer autumn winter today tomorrow",
    "yesterday tonight morning afternoon evening noon midnight night daily weekly monthly yearly",
    "annual hourly now later currently formerly ago half quarter twice double triple",
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
"""Spellings of each unit. An unknown unit stands for itself, in its own case."""
