"""Which language a text is in, as far as full text cares: the PostgreSQL text search configuration that stems it.

A script that one language of ours uses decides alone; among the languages in Latin letters the small words vote.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

READ_CHARACTERS = 4000
FEWEST_VOTES = 2
FEWEST_SHARE = 0.1
FOREIGN_SHARE = 0.03
# What is written in Latin letters and has too few small words to tell: titles, code, identifiers.
UNDECIDED = "english"

_SMALL_WORDS = {
    "english": "the of and to in is that for it with as are be this by on an or from at which not can will you your",
    "german": "der die das und ist nicht den von zu mit ein eine für auf dem des im sich auch werden wird als bei oder",
    "french": "le la les des est et une du dans que pour pas qui sur au avec sont par ce il cette ou aux être vous",
    "spanish": "el la los las de que en un una es por con para del se no al como más pero su sus está qué cómo son",
    "portuguese": "os as de que em um uma é por com para do da não no na dos das ao se mais como foi são você",
    "italian": "il lo la gli le di che un una è per con del della non in da dei sono nel alla più come questo si",
    "dutch": "de het een en van is dat niet te op voor met zijn aan er ook als bij worden wordt naar uit dit deze om",
    "swedish": "och att det som en är av för på med den till inte om ett han men var jag från eller kan ska hur när",
    "danish": "og at det som en er af for på med den til ikke om et han men var jeg fra eller kan skal hvordan når",
    "norwegian": "og at det som en er av for på med den til ikke om et han men var jeg fra eller kan skal hvordan når",
    "finnish": "ja on ei että se oli hän mutta ovat kun myös joka tai kuin sen niin ole mikä mitä olla voi tämä",
    "hungarian": "az és hogy nem is egy van meg ez de ha már csak volt vagy mint aki azt lehet kell nincs milyen",
    "romanian": "și de la în nu este cu pe care un din că mai sunt pentru se au fost ce sau prin dar cum",
    "turkish": "ve bir bu da de için ile çok ne olarak daha gibi olan kadar değil en mi ama sonra nasıl her ilk ise",
    "indonesian": "yang dan di ini itu dengan untuk tidak dari dalam akan pada adalah ke juga atau oleh apa dapat bisa",
    "catalan": "el la els les de que en un una és per amb del no al com més són dels aquest aquesta què pot ser",
    "basque": "eta da ez du bat dira izan hau ere baina egin den dute edo zen zer hori dago behar",
    "irish": "agus an na ar ag is le do sé go tá bhí ní leis sin bhfuil atá mar faoi cad",
    "lithuanian": "ir yra kad su į iš ne tai kaip bet ar jis ji buvo apie nuo per prie taip kas kur",
    # No stemmer for these here; their votes keep them from being taken for another.
    "polish": "nie na się do to że jest jak co po ale dla od są czy przez przy oraz",
    "czech": "se na je že do to jako za ve pro by ale jsou který které není nebo při",
    "vietnamese": "và của là có không được cho trong một các với này đã những người để khi như",
    "estonian": "ja on ei et see oli kui ka aga mis ta või selle nii olema siis kuidas",
}
_WITHOUT_STEMMER = {"polish", "czech", "vietnamese", "estonian"}
# Words with these letters vote as well.
_LETTERS_OF = {
    "german": "äöüß",
    "french": "éèêçàœ",
    "spanish": "ñáíóúé",
    "portuguese": "ãõçáéêíó",
    "italian": "àèìòù",
    "swedish": "åäö",
    "danish": "åæø",
    "norwegian": "åæø",
    "finnish": "äö",
    "hungarian": "őűáéíóöüú",
    "romanian": "ășțşţâî",
    "turkish": "ğışçöü",
    "catalan": "çàèéíòóú",
    "irish": "áéíóú",
    "lithuanian": "ąčęėįšųūž",
    "polish": "ąćęłńóśźż",
    "czech": "áčďéěíňóřšťúůýž",
    "vietnamese": "ăâđêôơưạảấầậắằẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
    "estonian": "äõöü",
}
_LETTERS = {language: frozenset(letters) for language, letters in _LETTERS_OF.items()}
_VOTES: dict[str, list[str]] = {}
for _language, _words in _SMALL_WORDS.items():
    for _word in _words.split():
        _VOTES.setdefault(_word, []).append(_language)

_SCRIPTS = {
    "ARABIC": "arabic",
    "CYRILLIC": "russian",
    "GREEK": "greek",
    "DEVANAGARI": "hindi",
    "TAMIL": "tamil",
    "ARMENIAN": "armenian",
}
# Letters that only other languages of the same script have.
_FOREIGN = {
    "arabic": re.compile("[پچژگکیےۀۆێە]"),
    "russian": re.compile("[іїєґўђјљњћџѓќѕ]", re.I),
}
_SERBIAN = re.compile("[ђјљњћџ]", re.I)


def language_of(text: str) -> str | None:
    """The text search configuration for a text, such as `english` or `arabic`; None: words are taken as they are."""
    sample = text[:READ_CHARACTERS].lower()
    return _latin(sample)[0] if script_of(sample) == "LATIN" else _by_script(sample)


def certain_language(text: str) -> str | None:
    """The same, but None also where a text in Latin letters does not tell its language."""
    sample = text[:READ_CHARACTERS].lower()
    if script_of(sample) != "LATIN":
        return _by_script(sample)
    language, is_certain = _latin(sample)
    return language if is_certain else None


def _by_script(text: str) -> str | None:
    language = _SCRIPTS.get(script_of(text))
    foreign = _FOREIGN.get(language or "")
    if foreign is None or len(foreign.findall(text)) < FOREIGN_SHARE * len(text):
        return language
    return "serbian" if language == "russian" and _SERBIAN.search(text) else None


def script_of(text: str) -> str:
    """The script of most of a text's letters, by its Unicode name; LATIN where there are none."""
    counts = Counter(character for character in text[:READ_CHARACTERS] if character.isalpha())
    scripts: Counter[str] = Counter()
    for character, count in counts.items():
        scripts["LATIN" if character.isascii() else unicodedata.name(character, "?").partition(" ")[0]] += count
    return scripts.most_common(1)[0][0] if scripts else "LATIN"


def _latin(text: str) -> tuple[str | None, bool]:
    """The language whose small words and letters are in most words of the text, and whether as many as in any prose."""
    words = Counter(re.findall(r"[^\W\d_]+", text))
    votes: Counter[str] = Counter()
    different: Counter[str] = Counter()
    for word, count in words.items():
        for language in _languages_of(word):
            votes[language] += count
            different[language] += 1
    winner, most = max(votes.items(), key=lambda one: (one[1], one[0] == UNDECIDED), default=(UNDECIDED, 0))
    if different[winner] < FEWEST_VOTES or most < FEWEST_SHARE * words.total():
        return UNDECIDED, False
    return (None if winner in _WITHOUT_STEMMER else winner), True


def _languages_of(word: str) -> set[str]:
    return {*_VOTES.get(word, ()), *(() if word.isascii() else _by_letters(word))}


def _by_letters(word: str) -> Iterator[str]:
    return (language for language, letters in _LETTERS.items() if not letters.isdisjoint(word))
