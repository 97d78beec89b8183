"""What columns are called: in English, German, French, Spanish, Italian, Portuguese, Dutch, Polish and Japanese."""

import re
import unicodedata
from typing import Final

_WORDS: Final = {
    "email": """
        email, e-mail, mail, email address, e-mail address, mail address, subscriber email, contact email,
        e-mail-adresse, mailadresse, emailadresse, elektronische adresse,
        courriel, adresse e-mail, adresse mail, adresse courriel, adresse électronique, mél, adresse de messagerie,
        correo, correo electrónico, dirección de correo, dirección de correo electrónico, dirección de email,
        indirizzo email, indirizzo e-mail, indirizzo mail, posta elettronica, indirizzo di posta elettronica,
        endereço de email, endereço de e-mail, endereço eletrônico, correio eletrónico, correio eletrônico,
        e-mailadres, mailadres, adres e-mail, adres email, adres mailowy, poczta elektroniczna,
        adres poczty elektronicznej,
        メール, メールアドレス, eメール, eメールアドレス, 電子メール, 電子メールアドレス, email アドレス""",
    "first_name": """
        first name, given name, forename, fname, vorname, rufname, prénom, prénoms, nombre de pila, primer nombre,
        nome di battesimo, primeiro nome, nome próprio, voornaam, voornamen, roepnaam, imię, imiona,
        名, ファーストネーム""",
    "last_name": """
        last name, surname, family name, lname, nachname, familienname, zuname, nom de famille, apellido, apellidos,
        primer apellido, cognome, sobrenome, apelido, último nome, achternaam, familienaam, nazwisko, 姓, 苗字,
        ラストネーム""",
    "name": """
        full name, display name, vollständiger name, vor- und nachname, nom complet, nom et prénom, prénom et nom,
        nombre completo, nombre y apellidos, nome completo, nome e cognome, cognome e nome, volledige naam,
        imię i nazwisko, nazwisko i imię, 氏名, お名前, 名前, 姓名""",
    "locale": """
        locale, language, lang, language code, preferred language, sprache, langue, idioma, lingua, língua, taal,
        język, 言語""",
}
_FAMILY_OR_FULL: Final = ("name", "nom", "naam")  # the family's name beside a column for the given one
_GIVEN_OR_FULL: Final = ("nombre", "nome")  # the given one beside a column for the family's
_BETWEEN: Final = re.compile(r"[\s\-_.:'’/()*\u00ad\u200b\u2010-\u2015\u2212]+")


def folded(header: str) -> str:
    """Return a header without case, accents, and what stands between its words."""
    apart = unicodedata.normalize("NFKD", header.casefold())
    plain = "".join(letter for letter in apart if not "\u0300" <= letter <= "\u036f")
    return _BETWEEN.sub("", plain.replace("ł", "l"))


def fields(headers: list[str]) -> list[str]:
    """Return the field that each header means; empty: none. No header is guessed from a part of it."""
    plain = [folded(header) for header in headers]
    found = [_FIELDS.get(word, "") for word in plain]
    return [field or _by_the_others(word, found) for word, field in zip(plain, found, strict=True)]


def _by_the_others(word: str, found: list[str]) -> str:
    if word in _FAMILY_OR_FULL:
        return "last_name" if "first_name" in found and "last_name" not in found else "name"
    if word in _GIVEN_OR_FULL:
        return "first_name" if "last_name" in found and "first_name" not in found else "name"
    return ""


_FIELDS: Final = {
    folded(word): field for field, words in _WORDS.items() for word in words.replace("\n", " ").split(",")
}
