"""The draft of an answer to a complaint, and what is said of each term of its call, in three languages. Pure.

An officer reads and changes the draft before it is sent: it states what was recorded, and decides nothing.
"""

from __future__ import annotations

from typing import Final

from homecall.texts.language import Text

COMPLAINED: Final = Text(
    "Шағымда былай делінген: «{text}»",
    "В жалобе указано: «{text}»",
    "You complained: “{text}”",
)
RECORDED: Final = Text(
    "Шақыру бойынша тіркелгені ({call}):",
    "По вызову зарегистрировано ({call}):",
    "What is recorded of the call ({call}):",
)
TERMS: Final = Text("Мерзімдер:", "Сроки:", "The terms:")
MEASURES: Final = Text("Қабылданған шаралар: {text}", "Приняты меры: {text}", "Measures taken: {text}")
NO_CALL: Final = Text(
    "Шағымда аталған шақыру бойынша мәлімет табылмады.",
    "Сведений о вызове, указанном в жалобе, не найдено.",
    "Nothing is recorded of the call that the complaint names.",
)
NOT_THEIRS: Final = Text(
    "Шақыру басқа адамға рәсімделген: оның мәліметтері жауапқа және хатқа енгізілмейді.",
    "Вызов оформлен на другого человека: его сведения не входят ни в ответ, ни в письмо.",
    "The call is of another person: nothing of it goes into the answer or the letter.",
)

# What is said of a term ---------------------------------------------------------------------------------------------

MET: Final = Text(
    "{what} ({clause}): {taken}, мерзімі {limit} – мерзім сақталды",
    "{what} ({clause}): {taken} при сроке {limit} – срок соблюдён",
    "{what} ({clause}): {taken} of {limit}: in time",
)
MISSED: Final = Text(
    "{what} ({clause}): {taken}, мерзімі {limit} – мерзімнен {over} кеш",
    "{what} ({clause}): {taken} при сроке {limit} – срок нарушен на {over}",
    "{what} ({clause}): {taken} of {limit}: late by {over}",
)
KEPT: Final = Text(
    "{what} ({clause}): мерзім сақталды", "{what} ({clause}): срок соблюдён", "{what} ({clause}): in time"
)
BROKEN: Final = Text(
    "{what} ({clause}): мерзім {due} аяқталды, мерзімнен кеш",
    "{what} ({clause}): срок истёк {due} – срок нарушен",
    "{what} ({clause}): the term ended on {due}: missed",
)
RUNNING: Final = Text(
    "{what} ({clause}): мерзімі әлі біткен жоқ, соңғы сәті – {due}",
    "{what} ({clause}): срок ещё идёт, истекает {due}",
    "{what} ({clause}): still running, until {due}",
)
GOES_ON: Final = Text(
    "{what} ({clause}): мерзімі әлі біткен жоқ", "{what} ({clause}): срок ещё идёт", "{what} ({clause}): still running"
)
WITHDRAWN: Final = Text(
    "{what} ({clause}): өтініш қайтарып алынды, мерзім бағаланбайды",
    "{what} ({clause}): заявка отозвана, срок не оценивается",
    "{what} ({clause}): the request was withdrawn, so the term is not judged",
)
HANDED_ON: Final = Text(
    "{what} ({clause}): шақыру басқа емханаға берілді, мерзім мұнда бағаланбайды",
    "{what} ({clause}): вызов передан в другую поликлинику, здесь срок не оценивается",
    "{what} ({clause}): the call was handed on to another clinic, so the term is not judged here",
)
UNKNOWN: Final = Text(
    "{what} ({clause}): мерзімі {due} аяқталды, нәтижесі туралы мәлімет жоқ",
    "{what} ({clause}): срок истёк {due}, сведений об итоге нет",
    "{what} ({clause}): the term ended on {due}, and nothing is known of its end",
)
IN_WINDOW: Final = Text(
    "Дәрігер {window} аралығында келеді деп айтылған (C6.3); бару нәтижесі {ended} жазылды – уәделі уақытта",
    "Врач обещан {window} (C6.3), исход визита записан {ended} – в обещанное время",
    "The doctor was promised for {window} (C6.3), the outcome was reported at {ended}: within that time",
)
AFTER_WINDOW: Final = Text(
    "Дәрігер {window} аралығында келеді деп айтылған (C6.3); бару нәтижесі {ended} жазылды – {over} кеш",
    "Врач обещан {window} (C6.3), исход визита записан {ended} – на {over} позже",
    "The doctor was promised for {window} (C6.3), the outcome was reported at {ended}: {over} later",
)
NOT_VISITED: Final = Text(
    "Дәрігер {window} аралығында келеді деп айтылған (C6.3); бару нәтижесі жазылмаған",
    "Врач обещан {window} (C6.3), исход визита не записан",
    "The doctor was promised for {window} (C6.3); no outcome was reported",
)

DAYS: Final = Text("{n} күн", "{n} дн.", "{n} d")
HOURS: Final = Text("{n} сағ", "{n} ч", "{n} h")
MINUTES: Final = Text("{n} мин", "{n} мин", "{n} min")
SECONDS: Final = Text("{n} с", "{n} с", "{n} s")
