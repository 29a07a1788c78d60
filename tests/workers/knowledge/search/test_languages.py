"""In which language a text is."""

import time

import pytest

from workers.knowledge.search.languages import certain_language, language_of

TEXTS = {
    "english": "List the issues that are assigned to the authenticated user.",
    "german": "Wie kann ich die Konfiguration ändern und speichern?",
    "french": "Comment installer le paquet et où sont les journaux ?",
    "spanish": "¿Cómo puedo cambiar la contraseña de los usuarios?",
    "portuguese": "Como fazer um pedido de reembolso para o cliente?",
    "turkish": "Parolamı nasıl değiştirebilirim ve bu ne kadar sürer?",
    "russian": "Как установить пакет?",
    "arabic": "ما هي الأبراج الفلكية؟",
    "greek": "Πώς αλλάζω τον κωδικό;",
    "hindi": "मैं अपना पासवर्ड कैसे बदलूं?",
}
# PostgreSQL stems none of these.
OTHERS = ["这是一个测试", "これはテストです", "Як встановити пакунок із джерела?", "چگونه می‌توانم گذرواژه را عوض کنم؟",
          "Jak zainstalować pakiet i co to jest?", "รหัสผ่าน"]  # fmt: skip


@pytest.mark.parametrize("language", TEXTS)
def test_scripts_small_words_and_letters_tell_the_language(language):
    assert language_of(TEXTS[language]) == certain_language(TEXTS[language]) == language


@pytest.mark.parametrize("text", OTHERS)
def test_a_language_without_a_stemmer_is_none(text):
    assert language_of(text) is None


@pytest.mark.parametrize(
    "text", ["", "GET /repos/{owner}/{repo}", "def main(argv): return run(argv)", "12 345 !!", "\0"]
)
def test_what_does_not_tell_is_read_as_english_and_not_certain(text):
    assert (language_of(text), certain_language(text)) == ("english", None)


def test_one_foreign_word_or_letter_changes_nothing():
    assert language_of("The café of the naïve Señor is open, and it is not far from the station.") == "english"
    assert language_of("Das Wort „der“ ist ein Artikel, und “the” is one in English.") == "german"


def test_a_long_text_costs_no_more_than_its_beginning():
    began = time.process_time()
    assert language_of("the end of it is " * 500_000) == "english"
    assert time.process_time() - began < 0.5
