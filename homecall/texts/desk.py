"""What stands on the desk's pages, in Kazakh, Russian and English. Pure.

Long because it is data: the words of every page stand together, so that a translator reads them in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from homecall.texts.language import Text

WORDS: Final[Mapping[str, Text]] = {
    "desk": Text("Дәрігер шақыру", "Вызов врача", "Doctor's calls"),
    "skip": Text("Негізгі бөлімге өту", "К содержанию", "Skip to content"),
    "main_menu": Text("Негізгі мәзір", "Главное меню", "Main menu"),
    "language": Text("Тіл", "Язык", "Language"),
    "sign_in": Text("Кіру", "Вход", "Sign in"),
    "sign_out": Text("Шығу", "Выйти", "Sign out"),
    "username": Text("Пайдаланушы аты", "Имя пользователя", "User name"),
    "password": Text("Құпиясөз", "Пароль", "Password"),
    "wrong_login": Text(
        "Пайдаланушы аты немесе құпиясөз қате.",
        "Неверное имя пользователя или пароль.",
        "The user name or the password is wrong.",
    ),
    "login_locked": Text(
        "Қате енгізу тым көп. {minutes} минуттан кейін қайталаңыз.",
        "Слишком много неверных попыток. Повторите через {minutes} мин.",
        "Too many wrong attempts. Try again in {minutes} min.",
    ),
    "sign_in_oidc": Text(
        "Ұйымның тіркелгісімен кіру", "Войти с учётной записью организации", "Sign in with the organisation's account"
    ),
    "oidc_away": Text(
        "Ұйымның кіру қызметі жауап бермейді. Біраздан соң қайталаңыз.",
        "Служба входа организации не отвечает. Повторите чуть позже.",
        "The organisation's sign-in does not answer. Try again shortly.",
    ),
    "oidc_again": Text(
        "Кіру аяқталмады немесе ескірді. Қайтадан бастаңыз.",
        "Вход не завершён или устарел. Начните заново.",
        "The sign-in was not finished, or is too old. Begin again.",
    ),
    "oidc_refused": Text(
        "Ұйымның кіру қызметі растамады. Қайталаңыз; қайталанса, әкімшіге айтыңыз.",
        "Служба входа организации не подтвердила вход. Повторите; если не пройдёт, сообщите администратору.",
        "The organisation's sign-in did not confirm it. Try again; if it stays, tell the administrator.",
    ),
    "oidc_no_name": Text(
        "Тіркелгіде аты-жөні жоқ. Әкімшіден {claim} мәнін толтыруды сұраңыз.",
        "В учётной записи нет ФИО. Попросите администратора заполнить {claim}.",
        "The account has no full name. Ask the administrator to set {claim}.",
    ),
    "oidc_iin": Text(
        "Тіркелгінің идентификаторында ЖСН бар. Әкімшіден ЖСН-сіз идентификатор (sub) беруді сұраңыз.",
        "Идентификатор учётной записи содержит ИИН. Попросите администратора выдать идентификатор (sub) без ИИН.",
        "The account's id holds an IIN. Ask the administrator for an id (sub) without one.",
    ),
    "oidc_no_role": Text(
        "Тіркелгіде бір ғана белгілі рөл жоқ. Әкімшіден {claim} мәніне біреуін қоюды сұраңыз: {roles}.",
        "В учётной записи нет одной известной роли. Попросите администратора указать в {claim} одну из: {roles}.",
        "The account has not exactly one known role. Ask the administrator to set {claim} to one of: {roles}.",
    ),
    "oidc_no_clinic": Text(
        "Тіркелгіде емхана жоқ. Әкімшіден {claim} мәніне емхананың clinic_id мәнін қоюды сұраңыз.",
        "В учётной записи нет поликлиники. Попросите администратора указать в {claim} её clinic_id.",
        "The account has no clinic. Ask the administrator to set {claim} to its clinic_id.",
    ),
    "oidc_no_doctor": Text(
        "Тіркелгіде дәрігердің белгісі жоқ. Әкімшіден {claim} мәніне кестедегі doctor_id мәнін қоюды сұраңыз.",
        "В учётной записи нет врача. Попросите администратора указать в {claim} его doctor_id из графиков.",
        "The account has no doctor. Ask the administrator to set {claim} to the doctor_id of the rosters.",
    ),
    "error": Text("Қате", "Ошибка", "Error"),
    "to_start": Text("Басты бетке", "На главную", "To the start page"),
    "not_your_role": Text(
        "Бұл бет сіздің рөліңізге арналмаған.", "Эта страница не для вашей роли.", "This page is not for your role."
    ),
    "form_of_another_kind": Text(
        "Форма басқа пішімде жіберілген.", "Форма отправлена в другом формате.", "The form came in another format."
    ),
    "form_too_large": Text(
        "Форма тым үлкен: мәтінді қысқартыңыз.",
        "Форма слишком большая: сократите текст.",
        "The form is too large: shorten the text.",
    ),
    "form_too_slow": Text(
        "Форма тым баяу келді: байланысты тексеріп, қайта жіберіңіз.",
        "Форма шла слишком долго: проверьте связь и отправьте снова.",
        "The form took too long to arrive: check the connection and send it again.",
    ),
    "form_unreadable": Text("Форма оқылмайды.", "Форма не читается.", "The form cannot be read."),
    "form_of_another_session": Text(
        "Форма басқа сеанста ашылған. Бетті жаңартып, қайта жіберіңіз: енгізілгені сақталады.",
        "Форма открыта в другом сеансе. Обновите страницу и отправьте снова: введённое сохранится.",
        "The form is of another session. Reload the page and send again: what was typed is kept.",
    ),
    "database_away": Text(
        "Дерекқор қолжетімсіз. Енгізілгені осы жерде сақталады: біраздан соң қайталаңыз.",
        "База данных недоступна. Введённое сохранено здесь: повторите чуть позже.",
        "The database is unavailable. What was typed is kept here: try again shortly.",
    ),
    "our_fault": Text(
        "Жүйеде қате болды. Қайталаңыз; қайталанса, әкімшіге айтыңыз.",
        "В системе произошла ошибка. Повторите; если не пройдёт, сообщите администратору.",
        "Something failed here. Try again; if it stays, tell the operator.",
    ),
    "done_otherwise": Text(
        "Бұл бұрын басқаша жасалған, біріншісі күшінде қалады. Енгізілгені жіберілген жоқ: шақыру бетін қараңыз.",
        "Это уже сделано раньше и по-другому: действует первое. Введённое сейчас не отправлено, посмотрите карточку.",
        "This was done before, and otherwise: the first stands. What you typed was not sent: look at the page of it.",
    ),
    "sent_before": Text(
        "Бұл формадан шақыру бұрын жіберілген, қазір онда басқа деректер тұр.",
        "Из этой формы вызов уже отправлен, сейчас в ней другие данные.",
        "A call was already sent from this form, and the form now says something else.",
    ),
    "sent_before_open": Text("Жіберілген шақыруды ашу", "Открыть отправленный вызов", "Open the call that was sent"),
    "send_as_new": Text("Жаңа шақыру ретінде жіберу", "Отправить как новый вызов", "Send as a new call"),
    "no_such_page": Text("Мұндай бет жоқ.", "Такой страницы нет.", "There is no such page."),
    "no_such_date": Text(
        "Мұндай күн жоқ: 2026-11-23 түрінде жазыңыз.",
        "Такой даты нет: укажите как 2026-11-23.",
        "There is no such date: write it as 2026-11-23.",
    ),
    "no_such_call": Text("Мұндай шақыру жоқ.", "Такого вызова нет.", "There is no such call."),
    "no_such_complaint": Text("Мұндай шағым жоқ.", "Такой жалобы нет.", "There is no such complaint."),
    "iin_digits": Text("ЖСН 12 цифрдан тұрады.", "ИИН состоит из 12 цифр.", "An IIN has 12 digits."),
    "field_missing": Text(
        "Толтырылмаған немесе қате: {fields}.", "Не заполнено или неверно: {fields}.", "Missing or wrong: {fields}."
    ),
    "not_live": Text(
        "Байланыс жоқ: бет жаңармай тұр. Қайта қосылуда…",
        "Нет связи: страница не обновляется. Подключаемся…",
        "Not connected: this page is not live. Reconnecting…",
    ),
    # For scripts, apart by |: see static/desk.js.
    "js_words": Text(
        "мерзімі өтті|қалды|мин|с|Жіберілуде…|Жіберілмеді: байланыс жоқ. Енгізілгені сақталды, қайта жіберіледі."
        "|Жіберілмеді: байланыс жоқ. Біраздан соң тағы басыңыз.",
        "срок истёк|осталось|мин|с|Отправляется…|Не отправлено: нет связи. Введённое сохранено, отправим снова."
        "|Не отправлено: нет связи. Нажмите ещё раз чуть позже.",
        "overdue|left|min|s|Sending…|Not sent: no connection. What was typed is kept and will be sent again."
        "|Not sent: no connection. Press again shortly.",
    ),
    # The board ------------------------------------------------------------------------------------------------------
    "board": Text("Шақырулар", "Вызовы", "Calls"),
    "today": Text("бүгін", "сегодня", "today"),
    "clinic": Text("Емхана", "Поликлиника", "Clinic"),
    "search_calls": Text("Іздеу", "Поиск", "Search"),
    "find": Text("Іздеу", "Найти", "Find"),
    "sound": Text("мерзім туралы дыбыс", "звук о сроках", "sound for terms"),
    "sound_blocked": Text(
        "Браузер дыбысты бөгеп тұр: беттің кез келген жерін басыңыз.",
        "Браузер не даёт звука: нажмите в любом месте страницы.",
        "The browser blocks the sound: click anywhere on the page.",
    ),
    "show": Text("Көрсету", "Показать", "Show"),
    "search_hint": Text("аты, телефоны, мекенжайы, №", "имя, телефон, адрес, №", "name, phone, address, No."),
    "count_late": Text("мерзімі өткен", "просрочено", "overdue"),
    "count_near": Text("мерзімі жақын", "срок близок", "term is near"),
    "count_open": Text("ашық", "открыто", "open"),
    "count_all": Text("барлығы", "всего", "all"),
    "no_calls": Text("Бұл күні шақыру жоқ.", "На этот день вызовов нет.", "No calls on this day."),
    "new_call_key": Text("Жаңа шақыру: n пернесі.", "Новый вызов: клавиша n.", "A new call: press n."),
    "no_name": Text("аты-жөні жоқ", "без имени", "no name"),
    "child": Text("бала", "ребёнок", "child"),
    "urgent": Text("шұғыл", "срочно", "urgent"),
    "district": Text("учаске", "участок", "district"),
    "term_missed": Text("мерзімі өтті", "срок истёк", "overdue"),
    "until": Text("мерзімі", "до", "until"),
    "column_number": Text("№", "№", "No."),
    "column_came": Text("Уақыты", "Время", "Time"),
    "column_patient": Text("Пациент", "Пациент", "Patient"),
    "column_address": Text("Мекенжайы", "Адрес", "Address"),
    "column_reasons": Text("Себебі", "Причина", "Reason"),
    "column_standing": Text("Күйі", "Состояние", "Standing"),
    "column_term": Text("Мерзімі", "Срок", "Term"),
    "column_visit_and_doctor": Text("Келу уақыты, дәрігер", "Время, врач", "Visit, doctor"),
    # A new call -----------------------------------------------------------------------------------------------------
    "new_call": Text("Жаңа шақыру", "Новый вызов", "New call"),
    "patient": Text("Пациент", "Пациент", "Patient"),
    "where": Text("Мекенжайы", "Адрес", "Where to"),
    "reasons": Text("Шақыру себебі", "Причина вызова", "Reason for the call"),
    "offers": Text("Дәрігердің келу уақыты", "Когда придёт врач", "When the doctor comes"),
    "offers_asked": Text(
        "Учаске мен себеп белгілі болғанда бос уақыттар осында шығады.",
        "Когда известны участок и повод, здесь появится свободное время.",
        "Free times appear here once the district and a reason are known.",
    ),
    "offers_offered": Text(
        "Таңдауға болатын уақыт: {count}.", "Можно выбрать время: {count}.", "Times to choose: {count}."
    ),
    "offers_none": Text(
        "Бүгін бос дәрігер жоқ. Шақыруды жіберуге болады.",
        "Свободного врача сегодня нет. Вызов можно отправить.",
        "No doctor is free today. The call can be sent all the same.",
    ),
    "offers_closed": Text(
        "Емхана қазір шақыру қабылдамайды.",
        "Поликлиника сейчас не принимает вызовы.",
        "The clinic takes no calls now.",
    ),
    "offers_away": Text(
        "Қазір уақыт ұсыну мүмкін емес. Шақыруды жіберуге болады.",
        "Сейчас предложить время нельзя. Вызов можно отправить.",
        "Times cannot be offered now. The call can be sent.",
    ),
    "offer_planned": Text("жоспар бойынша", "по плану", "as planned"),
    "offer_is_planned": Text(
        "жоспар бойынша осы уақыт", "по плану сейчас это время", "the time by the plan as it is now"
    ),
    "offer_costs": Text(
        "дәрігердің жолына {minutes} мин қосады",
        "добавит врачу {minutes} мин пути",
        "adds {minutes} min to the doctor's travel",
    ),
    "offer_costs_nothing": Text(
        "дәрігердің жолын ұзартпайды", "пути врачу не добавит", "adds nothing to the doctor's travel"
    ),
    "offer_chosen_before": Text(
        "бұрын таңдалған, енді бос болмауы мүмкін",
        "выбрано раньше, может быть уже занято",
        "chosen before, may no longer be free",
    ),
    "wanted": Text("Қалаған уақыты", "Желаемое время", "Wanted time"),
    "wanted_kept": Text("сақталды", "назначено", "kept"),
    "wanted_not_kept": Text(
        "берілмеді, дәрігер басқа уақытта келеді",
        "не получилось, врач придёт в другое время",
        "not kept, the doctor comes at another time",
    ),
    "reasons_filter": Text("Себебін теріп іздеу", "Начните вводить причину", "Type to find a reason"),
    "at_the_desk": Text("Тіркеу орнында", "В регистратуре", "At the desk"),
    "applicant": Text("Өтініш беруші (пациент емес)", "Заявитель (не пациент)", "Applicant (not the patient)"),
    "channel": Text("Өтініш беру тәсілі", "Способ обращения", "Channel"),
    "iin": Text("ЖСН", "ИИН", "IIN"),
    "full_name": Text("Аты-жөні", "ФИО", "Full name"),
    "birth_date": Text("Туған күні", "Дата рождения", "Date of birth"),
    "sex": Text("Жынысы", "Пол", "Sex"),
    "phone": Text("Телефоны", "Телефон", "Phone"),
    "caller_language": Text("Жауап тілі", "Язык ответа", "Language of the answer"),
    "address": Text("Мекенжайы", "Адрес", "Address"),
    "entrance": Text("Кіреберіс", "Подъезд", "Entrance"),
    "floor": Text("Қабат", "Этаж", "Floor"),
    "flat": Text("Пәтер", "Квартира", "Flat"),
    "intercom": Text("Домофон", "Домофон", "Intercom"),
    "temperature": Text("Дене қызуы, °C", "Температура, °C", "Temperature, °C"),
    "note": Text("Ескертпе", "Примечание", "Note"),
    "document_kind": Text("Құжат түрі", "Вид документа", "Kind of document"),
    "document_number": Text("Құжат нөмірі", "Номер документа", "Document number"),
    "consent": Text("Тіркелімге сұрауға келісім", "Согласие на запрос в регистр", "Consent to ask the register"),
    "kdp_token": Text("Келісім токені (КДП)", "Токен согласия (КДП)", "Consent token (KDP)"),
    "kdp_public_key": Text("Токеннің ашық кілті", "Открытый ключ токена", "Public key of the token"),
    "queued_at": Text("Кезекке тұрған уақыты", "Встал в очередь в", "Joined the queue at"),
    "authority_kind": Text("Өкілеттігі", "Полномочие", "Authority"),
    "authority_number": Text("Құжат нөмірі", "Номер документа", "Document number"),
    "authority_valid_until": Text("Қолданылу мерзімі", "Действует до", "Valid until"),
    "date_form": Text("КК.АА.ЖЖЖЖ", "ДД.ММ.ГГГГ", "DD.MM.YYYY"),
    "clock_form": Text("СС:ММ", "ЧЧ:ММ", "HH:MM"),
    "call_103": Text(
        "Өмірге қауіп бар: 103 нөміріне дереу қоңырау шалыңыз.",
        "Угроза жизни: немедленно звоните 103.",
        "Danger to life: call 103 now.",
    ),
    "send": Text("Жіберу", "Отправить", "Send"),
    "clear": Text("Тазарту", "Очистить", "Clear"),
    "wrong_fields": Text("Мыналарды түзетіңіз:", "Исправьте:", "Correct these:"),
    "kept_here": Text(
        "Дерекқор қолжетімсіз: шақыру әлі жіберілмеді. Енгізілгені осы бетте сақталды, қайта жіберіңіз.",
        "База данных недоступна: вызов ещё не отправлен. Введённое сохранено на этой странице, отправьте снова.",
        "The database is unavailable: the call is not sent yet. What was typed is kept on this page: send it again.",
    ),
    "draft_restored": Text(
        "Осы браузерде терілген, бірақ жіберілмеген деректер қалпына келтірілді.",
        "Восстановлено то, что набрали в этом браузере и не отправили.",
        "Restored: what was typed in this browser and was not sent.",
    ),
    "earlier_calls": Text("Бұрынғы шақырулар", "Прежние вызовы", "Earlier calls"),
    "no_earlier_calls": Text(
        "Бұл пациенттің мұнда бұрынғы шақыруы жоқ.",
        "Прежних вызовов этого пациента здесь нет.",
        "This patient has no earlier calls here.",
    ),
    "open_call": Text("ашық", "открыт", "open"),
    # A call ---------------------------------------------------------------------------------------------------------
    "call": Text("Шақыру", "Вызов", "Call"),
    "answer_to_read": Text("Оқып беретін жауап", "Ответ, прочитать вслух", "Answer to read aloud"),
    "being_decided": Text("Шешім қабылдануда…", "Решается…", "Being decided…"),
    "not_sent_yet": Text(
        "Шақыру сақталды, әлі жіберілген жоқ: байланыс қалпына келген соң өзі жіберіледі.",
        "Вызов сохранён, ещё не отправлен: уйдёт сам, как только восстановится связь.",
        "The call is stored and not sent yet: it goes out by itself once the connection is back.",
    ),
    "waiting_to_be_sent": Text("әлі жіберілмеді", "ещё не отправлено", "not sent yet"),
    "cannot_be_sent": Text(
        "Жіберілмеді және өздігінен жіберілмейді: жүйе мұндай ұзын жазбаны қабылдамайды. Қысқартып қайта енгізіңіз "
        "және әкімшіге хабарлаңыз.",
        "Не отправлено и само не отправится: система не принимает такую длинную запись. Введите её ещё раз, короче, и "
        "сообщите администратору.",
        "Not sent, and it will not be sent by itself: the system does not take so long a record. Enter it again, "
        "shorter, and tell the administrator.",
    ),
    "clause_of_term": Text("({clause}-тармақ)", "(пункт {clause})", "(clause {clause})"),
    "said": Text("Айтылды", "Сказано", "Said"),
    "said_at": Text("Айтылды: {at}, {who}", "Сказано в {at}, {who}", "Said at {at} by {who}"),
    "said_not_sent": Text("Айтылды (әлі жіберілмеді)", "Сказано (ещё не отправлено)", "Said (not sent yet)"),
    "duplicate_of": Text(
        "Бұл пациенттің ашық шақыруы бар:",
        "У этого пациента уже есть открытый вызов:",
        "This patient has an open call:",
    ),
    "age": Text("{age} жаста", "возраст: {age}", "age {age}"),
    "flags": Text("Белгілер", "Отметки", "Flags"),
    "withdraw": Text("Шақырудан бас тарту", "Отозвать вызов", "Withdraw the call"),
    "why_withdrawn": Text("Себебі", "Причина отзыва", "Why"),
    "report_visit": Text("Нәтижесін жазу", "Записать исход", "Report the outcome"),
    "outcome": Text("Нәтижесі", "Исход", "Outcome"),
    "transfer_call": Text("Басқа емханаға беру", "Передать в другую поликлинику", "Hand on to another clinic"),
    "transfer_to": Text("Емхана", "Поликлиника", "Clinic"),
    "gone_to": Text("Берілген емхана", "Передан в поликлинику", "Handed on to"),
    "come_from": Text("Қай емханадан", "Передан из поликлиники", "Handed on by"),
    "from_103": Text("103-тен", "Из 103", "From 103"),
    "referral_card_number": Text("Картаның нөмірі", "Номер карты", "Card number"),
    "referral_category": Text("Шақыру санаты", "Категория вызова", "Category"),
    "referral_handed_over_at": Text("Берілген уақыты", "Передан в", "Handed over at"),
    "card_of_103": Text(
        "карта {card}, санаты {category}, берілді {at}",
        "карта {card}, категория {category}, передан {at}",
        "card {card}, category {category}, handed over {at}",
    ),
    "assign_visit": Text("Дәрігерді қолмен тағайындау", "Назначить врача вручную", "Choose the doctor by hand"),
    "arrives_from": Text("Келу уақыты", "Прийти с", "Arrives from"),
    "arrives_from_hint": Text(
        "Бос қалса: айтылған уақыт сақталады",
        "Пусто: обещанное время остаётся, если врач успевает",
        "Empty: the promised time stays if the doctor can keep it",
    ),
    "placed_by_hand": Text("Қолмен тағайындаған: {who}", "Назначил вручную: {who}", "Placed by hand by {who}"),
    "not_placed_by_hand": Text(
        "Қолмен тағайындау мүмкін болмады:", "Вручную назначить нельзя:", "It could not be placed by hand:"
    ),
    "leave_as_it_is": Text("Сол күйінде қалдыру", "Оставить как есть", "Leave it as it is"),
    "choice_was": Text("Таңдалған:", "Выбрано было:", "What was chosen:"),
    "choice_waits": Text(
        "Таңдау жіберілді, жоспарлаушы әлі жауап берген жоқ:",
        "Выбор отправлен, планирование ещё не ответило:",
        "The choice was sent, the scheduler has not answered yet:",
    ),
    "by_hand_mark": Text("қолмен", "вручную", "by hand"),
    "hand_refused_mark": Text("таңдау орындалмады", "выбор отклонён", "choice refused"),
    "nearest_place": Text("Ең жақын мүмкін уақыт", "Ближайшее возможное", "The nearest that would do"),
    "release_visit": Text(
        "Жоспарлауға қайтару", "Вернуть в общее планирование", "Let it be planned like any other again"
    ),
    "why": Text("Неге солай?", "Почему так?", "Why?"),
    "ruling_by": Text(
        "{rule_set} ережелері бойынша шешілді:", "Решено по правилам {rule_set}:", "Decided by the rules {rule_set}:"
    ),
    "calendar_used": Text("Күнтізбе: {calendar}", "Календарь: {calendar}", "Calendar: {calendar}"),
    "verdict_accepted": Text(
        "Бірден қабылданды: өтініш {at} түсті, ол күні {cut_off} дейін қабылданады.",
        "Принят сразу: обращение в {at}, в этот день заявки принимают до {cut_off}.",
        "Accepted at once: it came at {at}, and on that day calls are taken until {cut_off}.",
    ),
    "verdict_taken_up": Text(
        "{at} ашылғанда қабылданды: өтініш қабылдау уақытынан тыс түскен.",
        "Принят при открытии в {at}: обращение пришло вне времени приёма.",
        "Taken up at the opening, at {at}: it came outside the hours in which calls are taken.",
    ),
    "verdict_deferred": Text(
        "Ашылғанға дейін кейінге қалдырылды: {at} кезінде емхана шақыру қабылдамайды.",
        "Отложен до открытия: в {at} поликлиника заявки не принимает.",
        "Deferred to the opening: at {at} the clinic takes no calls.",
    ),
    "verdict_outside_hours": Text(
        "Қабылданбады: {at} кезінде емхана шақыру қабылдамайды.",
        "Отказано: в {at} поликлиника заявки не принимает.",
        "Refused: at {at} the clinic takes no calls.",
    ),
    "verdict_handed_on": Text(
        "Басқа емхана {at} берген: қабылдау уақыты мен тіркелу қайта тексерілмейді, мерзім алғашқы өтініштен жүреді.",
        "Передан другой поликлиникой в {at}: часы приёма и прикрепление не проверяются, срок идёт от первой заявки.",
        "Handed on by another clinic at {at}: hours and attachment are not asked for again, and the term runs from the "
        "first request.",
    ),
    "verdict_refused": Text("Қабылданбады: {code}.", "Отказано: {code}.", "Refused: {code}."),
    "term_runs": Text(
        "Жауап мерзімі {started} басталды, {minutes} минут: {due} дейін.",
        "Срок ответа идёт с {started}, {minutes} мин: до {due}.",
        "The answer's term runs from {started}, {minutes} min: until {due}.",
    ),
    "hours_used": Text("Ескерілген күн", "Учтённый день", "Day used"),
    "hours_open": Text("Емхана жұмысы", "Часы работы", "Open"),
    "hours_cut_off": Text("Қабылдау соңы", "Заявки до", "Calls until"),
    "closed": Text("жабық", "закрыто", "closed"),
    "not_decided": Text("Шешім әлі жоқ.", "Решения ещё нет.", "Nothing is decided yet."),
    "why_doctor": Text("Неге осы дәрігер?", "Почему этот врач?", "Why this doctor?"),
    "doctor_by_basis": Text("Негізі: {basis}.", "Основание: {basis}.", "Basis: {basis}."),
    "doctor_by": Text("Таңдау: {by}.", "Выбор: {by}.", "Choice: {by}."),
    "choice_doctor": Text("Дәрігер", "Врач", "Doctor"),
    "choice_basis": Text("Негізі", "Основание", "Basis"),
    "choice_wait": Text("күту, мин", "ждать, мин", "wait, min"),
    "choice_travel": Text("жол, мин", "дорога, мин", "travel, min"),
    "choice_load": Text("жүктеме, %", "загрузка, %", "load, %"),
    "choice_cost": Text("барлығы, мин", "итого, мин", "in all, min"),
    "choice_chosen": Text("таңдалды", "выбран", "chosen"),
    "history": Text("Тарихы", "История", "History"),
    # Other pages ----------------------------------------------------------------------------------------------------
    "routes": Text("Бағыттар", "Маршруты", "Routes"),
    "rosters": Text("Кесте", "График", "Rosters"),
    "register": Text("Журнал", "Журнал", "Register"),
    "complaints": Text("Шағымдар", "Жалобы", "Complaints"),
    "my_day": Text("Менің күнім", "Мой день", "My day"),
    "health": Text("Жүйе күйі", "Состояние системы", "Health"),
    # The register, rosters and routes ------------------------------------------------------------------------------
    "register_empty": Text("Бұл күні журналда жазба жоқ.", "За этот день записей нет.", "No entries on this day."),
    "roster_new": Text(
        "Бұл күнге кесте жарияланбаған: төменде соңғы кесте көрсетілген.",
        "На этот день графика нет: ниже подставлен последний.",
        "No roster is published for this day: below stands the last one.",
    ),
    "roster_doctor_id": Text("Коды", "Код", "Id"),
    "roster_full_name": Text("Аты-жөні", "ФИО", "Full name"),
    "roster_specialty": Text("Мамандығы", "Специальность", "Specialty"),
    "roster_districts": Text("Учаскелері", "Участки", "Districts"),
    "roster_shift_from": Text("Басы", "С", "From"),
    "roster_shift_to": Text("Соңы", "До", "To"),
    "roster_breaks": Text("Үзілістері", "Перерывы", "Breaks"),
    "break_of": Text("Үзіліс {window}", "Перерыв {window}", "Break {window}"),
    "roster_max_visits": Text("Шақыру саны", "Вызовов", "Visits"),
    "roster_on_duty": Text("Кезекші", "Дежурный", "On duty"),
    "visit_minutes": Text("Бару ұзақтығы, мин", "Визит, мин", "Visit, min"),
    "travel_minutes": Text("Жол, мин", "Дорога, мин", "Travel, min"),
    "publish_roster": Text("Кестені жариялау", "Опубликовать график", "Publish the roster"),
    "unavailable": Text("Дәрігер жұмысқа шыға алмайды", "Врач выбыл", "A doctor drops out"),
    "away_since": Text("{at} бастап жоқ", "отсутствует с {at}", "away from {at}"),
    "doctors_of_day": Text("Дәрігерлер", "Врачи", "Doctors"),
    "doctor": Text("Дәрігер", "Врач", "Doctor"),
    "from_time": Text("Қашаннан", "С", "From"),
    "reason": Text("Себебі", "Причина", "Reason"),
    "doctor_unavailable": Text("Шақыруларын ауыстыру", "Передать вызовы", "Move the visits"),
    "moved_calls": Text("Ауыстырылған шақырулар", "Перенесённые вызовы", "Moved calls"),
    "nobody_moved": Text(
        "Бұл күні ешкімнің уақыты ауысқан жоқ.",
        "В этот день никого не переносили.",
        "Nobody was moved on this day.",
    ),
    "to_phone": Text("Қоңырау шалу керек: {count}", "Нужно позвонить: {count}", "To be phoned: {count}"),
    "all_told": Text("Барлығына хабарланды.", "Всем сообщено.", "Everybody is told."),
    "moved_patient": Text("Пациент", "Пациент", "Patient"),
    "moved_was": Text("Бұрын", "Было", "Before"),
    "moved_becomes": Text("Енді", "Стало", "Now"),
    "moved_told": Text("Хабарланды", "Сообщено", "Told"),
    "sms_goes": Text("SMS: {number}, {at}", "SMS: {number}, {at}", "SMS to {number}, {at}"),
    "has_to_be_phoned": Text("Қоңырау шалу керек", "Нужно позвонить", "Has to be phoned"),
    "no_phone": Text("телефоны жоқ", "телефона нет", "no phone"),
    "phoned": Text("Қоңырау шалдым", "Позвонили", "Phoned"),
    "phoned_by": Text("айтқан: {who}", "сообщено: {who}", "told by {who}"),
    "take_back": Text("Қайтару", "Отменить отметку", "Take back"),
    "without_place": Text("Орын табылмаған шақырулар", "Вызовы без места", "Calls without a place"),
    "timeline": Text("Күн барысы", "Ход дня", "Timeline"),
    "map_of": Text("Бағыт: {name}", "Маршрут: {name}", "Route: {name}"),
    "no_visits": Text("Шақыру жоқ", "Вызовов нет", "No visits"),
    "no_roster": Text("Бұл күнге кесте жоқ.", "На этот день графика нет.", "There is no roster for this day."),
    "visits_left": Text("Қалған шақырулар: {count}", "Осталось вызовов: {count}", "Visits left: {count}"),
    "next_visit": Text("Келесі", "Следующий", "Next"),
    "reported": Text("нәтижесі жазылды", "исход записан", "outcome reported"),
    "other_outcome": Text("Басқа нәтиже", "Другой исход", "Another outcome"),
    "phone_call": Text("Қоңырау шалу", "Позвонить", "Call"),
    "navigate": Text("Картада", "На карте", "Navigate"),
    # Complaints -----------------------------------------------------------------------------------------------------
    "complaint": Text("Шағым", "Жалоба", "Complaint"),
    "new_complaint": Text("Жаңа шағым", "Новая жалоба", "New complaint"),
    "open_complaints": Text("Қаралып жатқандары", "На рассмотрении", "Open"),
    "closed_complaints": Text("Қаралғандары", "Рассмотренные", "Closed"),
    "no_complaints": Text("Шағым жоқ.", "Жалоб нет.", "No complaints."),
    "incoming_number": Text("Кіріс №", "Вх. №", "Incoming No."),
    "complainant": Text("Шағым беруші", "Заявитель", "Complainant"),
    "executor": Text("Орындаушы", "Исполнитель", "Executor"),
    "answer_due": Text("Жауап мерзімі", "Срок ответа", "Answer due"),
    "postal_address": Text("Пошта мекенжайы", "Почтовый адрес", "Postal address"),
    "complaint_channel": Text("Түскен жолы", "Как поступила", "How it came"),
    "addressed_to": Text("Кімге жолданған", "Кому", "Addressed to"),
    "about_call": Text("Қай шақыру туралы", "О каком вызове", "About the call"),
    "complaint_text": Text("Шағым мәтіні", "Текст жалобы", "Text of the complaint"),
    "answer_by": Text("Жауап беру тәсілі", "Способ ответа", "How to answer"),
    "answer_place": Text("Жауап берілетін орын", "Где получить ответ", "Where to collect the answer"),
    "what_next": Text("Әрекеттер", "Действия", "What to do"),
    "assign": Text("Орындаушы тағайындау", "Назначить исполнителя", "Name the executor"),
    "position": Text("Лауазымы", "Должность", "Position"),
    "executed": Text("Шара қолданылды", "Меры приняты", "Measures taken"),
    "measures": Text("Қолданылған шаралар", "Принятые меры", "Measures"),
    "give_answer": Text("Жауап беру", "Дать ответ", "Give the answer"),
    "answer_text": Text("Жауап мәтіні", "Текст ответа", "Text of the answer"),
    "decision": Text("Шешім", "Решение", "Decision"),
    "refuse": Text("Қараудан бас тарту", "Отказать в рассмотрении", "Refuse to consider"),
    "grounds": Text("Негіздер", "Основания", "Grounds"),
    "send_again": Text("Қайта жіберу", "Отправить снова", "Send again"),
    "terms_of_call": Text("Шақырудың мерзімдері", "Сроки по вызову", "The call's terms"),
    "verdict_met": Text("сақталды", "соблюдён", "kept"),
    "verdict_missed": Text("бұзылды", "нарушен", "missed"),
    "verdict_running": Text("жүріп жатыр", "идёт", "running"),
    "verdict_open": Text("бағаланбайды", "не оценивается", "not judged"),
    "print_receipt": Text("Тіркеу растамасын басып шығару", "Печать подтверждения регистрации", "Print the receipt"),
    "print_reply": Text("Жауап хатты басып шығару", "Печать ответа", "Print the letter"),
    "complaint_taken": Text("Шағым қабылданды", "Жалоба принята", "The complaint was taken in"),
    "answer_until": Text("Жауап берілетін соңғы күн", "Ответ будет дан не позднее", "Answered at the latest on"),
    "no_receipt_yet": Text(
        "Шағым әлі тіркелмеген: растама тіркелген соң басылады.",
        "Жалоба ещё не зарегистрирована: подтверждение печатается после регистрации.",
        "The complaint is not registered yet: its receipt is printed once it is.",
    ),
    "no_reply_yet": Text(
        "Жауап та, бас тарту да әлі жоқ: хат содан кейін басылады.",
        "Ещё нет ни ответа, ни отказа: письмо печатается после них.",
        "There is neither an answer nor a refusal yet: the letter is printed once there is one.",
    ),
    # Finding, and health --------------------------------------------------------------------------------------------
    "find_by": Text("Нөмірі, телефоны немесе аты", "Номер, телефон или имя", "Number, phone or name"),
    "nothing_found": Text("Ештеңе табылмады.", "Ничего не найдено.", "Nothing was found."),
    "how_to_complain": Text("Қалай шағымдануға болады", "Как подать жалобу", "How to complain"),
    "how_to_complain_text": Text(
        "Емхана басшысына немесе Министрлікке, поштамен, өзі келіп немесе портал арқылы; жауап 5 жұмыс күні ішінде "
        "беріледі. Келіспесе: мемлекеттік қызметтер сапасын бақылау органына, 15 жұмыс күні. Бірыңғай байланыс "
        "орталығы: 1414.",
        "Руководителю поликлиники или в Министерство: почтой, лично или через портал; ответ в течение 5 рабочих дней. "
        "При несогласии: в орган по контролю за качеством государственных услуг, 15 рабочих дней. "
        "Единый контакт-центр: 1414.",
        "To the head of the clinic or the Ministry: by post, in person or through the portal; the answer comes in 5 "
        "working days. If not satisfied: to the body that controls the quality of state services, 15 working days. "
        "Contact centre: 1414.",
    ),
    "health_unsent": Text("Жіберілмегені", "Не отправлено", "Not sent"),
    "health_unsent_value": Text(
        "{count}, ең ескісі {age} с", "{count}, самое старое {age} с", "{count}, the oldest {age} s"
    ),
    "health_live": Text("Өзгерістер естіледі", "Изменения слышны", "Changes are heard"),
    "health_streams": Text("Қосылған браузерлер", "Подключённые браузеры", "Connected browsers"),
    "health_clinics": Text("Емханалар", "Поликлиники", "Clinics"),
    "yes": Text("иә", "да", "yes"),
    "no": Text("жоқ", "нет", "no"),
}
"""The desk's own words, by what they are for."""

ASSIGNMENT_REFUSALS: Final[Mapping[str, Text]] = {
    "unknown_doctor": Text(
        "кестеде бұл науқасқа бара алатын мұндай дәрігер жоқ",
        "в графике нет такого врача для этого пациента",
        "the roster has no such doctor for this patient",
    ),
    "outside_shift": Text(
        "бұл уақыт өтіп кеткен немесе дәрігердің жұмыс уақытынан тыс: үзіліс пен қайту жолы да есептеледі",
        "это время прошло или вне смены врача: перерывы и дорога обратно тоже учитываются",
        "that time is over, or outside the doctor's shift: breaks and the way back count too",
    ),
    "no_room": Text("дәрігердің барлық орны толған", "у врача больше нет мест", "the doctor has no room left"),
    "breaks_promise": Text(
        "дәрігер осы немесе басқа науқасқа уәде етілген уақытта жете алмайды",
        "врач не успеет к этому или другому пациенту в обещанное время",
        "the doctor would be late here or at another patient's",
    ),
    "closed": Text(
        "шақыру аяқталған немесе дәрігер жолға шықты",
        "вызов завершён или врач уже в пути",
        "the call is over, or the doctor is on the way",
    ),
}
"""Why a visit could not be placed by hand."""

STANDINGS: Final[Mapping[str, Text]] = {
    "unsent": Text("әлі жіберілмеді", "ещё не отправлен", "not sent yet"),
    "undecided": Text("шешілуде", "решается", "being decided"),
    "deferred": Text("ашылғанша кейінге қалдырылды", "отложен до открытия", "deferred to the opening"),
    "unplaced": Text("орын табылмады", "нет места у врачей", "no place yet"),
    "to_answer": Text("жауапты айту керек", "сказать ответ", "answer to be said"),
    "scheduled": Text("дәрігер барады", "врач назначен", "scheduled"),
    "refused": Text("қабылданбады", "отказано", "refused"),
    "withdrawn": Text("қайтарып алынды", "отозван", "withdrawn"),
    "transferred": Text("басқа емханаға берілді", "передан в другую поликлинику", "handed on"),
    "closed": Text("аяқталды", "завершён", "closed"),
}
ROLES: Final[Mapping[str, Text]] = {
    "registrar": Text("тіркеуші", "регистратор", "registrar"),
    "dispatcher": Text("диспетчер", "диспетчер", "dispatcher"),
    "complaints_officer": Text("шағымдар маманы", "специалист по жалобам", "complaints officer"),
    "head": Text("емхана басшысы", "руководитель", "head of the clinic"),
    "doctor": Text("дәрігер", "врач", "doctor"),
    "contact_centre": Text("байланыс орталығы", "контакт-центр", "contact centre"),
    "operator": Text("жүйе әкімшісі", "оператор системы", "operator"),
}
ERRORS: Final[Mapping[str, Text]] = {
    "missing": Text("толтырыңыз", "заполните", "fill it in"),
    "sent_before": Text(
        "осы формадан басқа шағым қабылданған: бұл шағымды қайта жіберіңіз",
        "из этой формы уже принята другая жалоба: отправьте эту ещё раз",
        "another complaint was taken in from this form: send this one again",
    ),
    "string_too_short": Text("тым қысқа", "слишком коротко", "too short"),
    "string_too_long": Text("тым ұзын: қысқартыңыз", "слишком длинно: сократите", "too long: shorten it"),
    "too_short": Text("кемінде бірін таңдаңыз", "выберите хотя бы одно", "choose at least one"),
    "too_long": Text("тым көп", "слишком много", "too many"),
    "iin_form": Text("12 цифр болуы керек", "должно быть 12 цифр", "must be 12 digits"),
    "iin_check": Text(
        "бақылау цифры сәйкес емес: құжаттан қайта оқыңыз",
        "не сходится контрольная цифра: прочтите с документа ещё раз",
        "the check digit is wrong: read it again from the document",
    ),
    "iin_nobodys": Text("мұндай ЖСН жоқ", "такого ИИН не бывает", "nobody's IIN"),
    "date_parsing": Text("мұндай күн жоқ", "такой даты нет", "no such date"),
    "date_form": Text("күнді КК.АА.ЖЖЖЖ түрінде жазыңыз", "дата как ДД.ММ.ГГГГ", "write the date as DD.MM.YYYY"),
    "date_range": Text("жылы қате", "неверный год", "the year is wrong"),
    "time_form": Text("уақытты СС:ММ түрінде жазыңыз", "время как ЧЧ:ММ", "write the time as HH:MM"),
    "clock_form": Text("уақытты СС:ММ түрінде жазыңыз", "время как ЧЧ:ММ", "write the time as HH:MM"),
    "interval_order": Text(
        "соңы басынан кейін болуы керек", "конец должен быть позже начала", "the end must be later than the beginning"
    ),
    "breaks_form": Text(
        "үзілістерді 12:00-12:30, 15:00-15:15 түрінде жазыңыз",
        "перерывы как 12:00-12:30, 15:00-15:15",
        "write breaks as 12:00-12:30, 15:00-15:15",
    ),
    "break_outside_shift": Text(
        "үзіліс ауысым ішінде болуы керек", "перерыв должен быть внутри смены", "a break must lie within the shift"
    ),
    "breaks_overlap": Text(
        "үзілістер қабаттаспауы керек", "перерывы не должны пересекаться", "breaks must not overlap"
    ),
    "time_range": Text("жылы қате", "неверный год", "the year is wrong"),
    "float_parsing": Text("сан болуы керек", "должно быть число", "must be a number"),
    "int_parsing": Text("бүтін сан болуы керек", "должно быть целое число", "must be a whole number"),
    "greater_than_equal": Text("тым аз", "слишком мало", "too small"),
    "less_than_equal": Text("тым көп", "слишком много", "too large"),
    "literal_error": Text("тізімнен таңдаңыз", "выберите из списка", "choose from the list"),
    "string_type": Text("толтырыңыз", "заполните", "fill it in"),
    "uuid_form": Text("бетті қайта ашыңыз", "откройте страницу заново", "open the page again"),
    "phone_form": Text("нөмірі қате", "неверный номер", "the number is wrong"),
    "roster_changed": Text(
        "кестені басқа адам өзгертті: бетті қайта ашыңыз",
        "график изменил кто-то другой: откройте страницу заново",
        "somebody else has changed the roster: open the page again",
    ),
    "database_away": Text("дерекқор қолжетімсіз", "база данных недоступна", "the database is unavailable"),
}
"""What is wrong with a field, by the kind of the error; `ANY_ERROR` for all others."""
ANY_ERROR: Final = Text("тексеріп, түзетіңіз", "проверьте и исправьте", "check and correct it")
STEPS: Final[Mapping[str, Text]] = {
    "request.accepted": Text("қабылданды", "принят", "accepted"),
    "request.deferred": Text("кейінге қалдырылды", "отложен", "deferred"),
    "request.refused": Text("қабылданбады", "отказано", "refused"),
    "request.cancelled": Text("тоқтатылды", "отменён", "cancelled"),
    "request.held": Text("тексеру күтілуде", "ждёт проверки", "held"),
    "request.transferred": Text(
        "басқа емханаға берілді", "передан в другую поликлинику", "handed on to another clinic"
    ),
    "request.withdrawn": Text("өтініш беруші бас тартты", "отозван заявителем", "withdrawn"),
    "request.identity-checked": Text("жеке басы тексерілді", "личность проверена", "identity checked"),
    "visit.scheduled": Text("уақыты мен дәрігері белгіленді", "назначены время и врач", "visit scheduled"),
    "visit.rescheduled": Text("ауыстырылды", "перенесён", "visit rescheduled"),
    "visit.unplaced": Text("орын табылмады", "нет места", "no place"),
    "visit.assigned": Text("диспетчер дәрігерді таңдады", "диспетчер выбрал врача", "a dispatcher chose the doctor"),
    "visit.released": Text("жоспарлауға қайтарылды", "возвращён в планирование", "released to be planned again"),
    "visit.assignment-refused": Text(
        "қолмен тағайындау мүмкін болмады", "вручную назначить нельзя", "could not be placed by hand"
    ),
    "visit.cancelled": Text("бару тоқтатылды", "визит отменён", "visit cancelled"),
    "visit.closed": Text("бару аяқталды", "визит завершён", "visit closed"),
    "visit.reported": Text("нәтижесі жазылды", "исход записан", "outcome reported"),
    "answer.given": Text("жауап айтылды", "ответ сказан", "answer said"),
    "status.changed": Text("өтініш берушіге айтылды", "сообщено заявителю", "told the applicant"),
    "journal.entry": Text("журналға жазылды", "запись в журнале", "entry in the register"),
    "deadline.approaching": Text("мерзімі жақындады", "срок близок", "term is near"),
    "deadline.missed": Text("мерзімі өтті", "срок истёк", "term missed"),
    "complaint.submitted": Text("шағым түсті", "жалоба подана", "complaint submitted"),
    "complaint.assigned": Text("орындаушы тағайындалды", "назначен исполнитель", "executor named"),
    "complaint.executed": Text("шара қолданылды", "приняты меры", "measures taken"),
    "complaint.answered": Text("жауап берілді", "дан ответ", "answered"),
    "complaint.refused": Text("қараусыз қалдырылды", "отказано в рассмотрении", "refused"),
    "complaint.escalated": Text("жоғары органға жолданды", "передана в вышестоящий орган", "escalated"),
    "complaint.status-changed": Text("шағымданушыға айтылды", "сообщено заявителю", "told the complainant"),
}
STATUSES: Final[Mapping[str, Text]] = {
    "registered": Text("тіркелді", "зарегистрирован", "registered"),
    "deferred": Text("кейінге қалдырылды", "отложен", "deferred"),
    "scheduled": Text("белгіленді", "назначен", "scheduled"),
    "rescheduled": Text("ауыстырылды", "перенесён", "rescheduled"),
    "delayed": Text("кешігуде", "задерживается", "delayed"),
    "refused": Text("қабылданбады", "отказано", "refused"),
    "withdrawn": Text("қайтарып алынды", "отозван", "withdrawn"),
    "completed": Text("орындалды", "выполнен", "completed"),
    "not_completed": Text("орындалмады", "не выполнен", "not completed"),
}
COMPLAINT_STATUSES: Final[Mapping[str, Text]] = {
    "delivered": Text("жеткізілді", "доставлена", "delivered"),
    "registered": Text("тіркелді", "зарегистрирована", "registered"),
    "refused": Text("қараудан бас тартылды", "отказано в рассмотрении", "refused"),
    "assigned": Text("орындаушыда", "у исполнителя", "assigned"),
    "executed": Text("шара қолданылды", "меры приняты", "executed"),
    "answered": Text("жауап берілді", "отвечено", "answered"),
    "escalated": Text("жоғары органда", "в вышестоящем органе", "escalated"),
    "overdue": Text("мерзімі өтті", "просрочена", "overdue"),
}
MOVES: Final[Mapping[str, Text]] = {
    "doctor_unavailable": Text("дәрігер келе алмайды", "врач выбыл", "the doctor dropped out"),
    "roster_changed": Text("кесте өзгерді", "изменился график", "the roster changed"),
    "no_capacity": Text("бос дәрігер жоқ", "нет свободного врача", "no doctor is free"),
    "room": Text("орын босады", "освободилось место", "a place became free"),
    "assigned": Text("диспетчер таңдады", "выбрал диспетчер", "a dispatcher chose it"),
    "less_travel": Text("жол қысқарды", "дорога короче", "less travel"),
    "no_roster": Text("кесте жоқ", "нет графика", "there is no roster"),
    "clinic_closed": Text("емхана жабық", "поликлиника закрыта", "the clinic is closed"),
}
"""Why a visit was moved, or has no place."""
BASES: Final[Mapping[str, Text]] = {
    "district": Text(
        "мекенжай учаскесінің дәрігері", "врач участка этого адреса", "the doctor of the address's district"
    ),
    "specialty": Text("мамандығы сай", "подходит по специальности", "of the fitting specialty"),
    "least_loaded": Text("жүктемесі ең аз", "наименее загружен", "the least loaded"),
    "duty": Text("кезекші дәрігер", "дежурный врач", "the doctor on duty"),
    "dispatcher": Text("диспетчер таңдады", "выбран диспетчером", "chosen by the dispatcher"),
}
"""On what basis a doctor was chosen."""
CHOICES: Final[Mapping[str, Text]] = {
    "least travel": Text(
        "жолы, күтуі мен жүктемесі қоса есептегенде ең аз",
        "наименьшая дорога с учётом ожидания и загрузки",
        "the least travel, with wait and load weighed in",
    ),
    "earliest arrival": Text(
        "ең ерте жетеді, шақыру шұғыл", "приедет раньше всех, вызов срочный", "the earliest arrival, as it is urgent"
    ),
    "less travel": Text(
        "қайта жоспарлағанда жолы қысқарды", "при новом планировании дорога короче", "less travel in planning again"
    ),
    "window kept": Text(
        "уәде етілген уақыт сақталды", "обещанное время сохранено", "the promised time is kept with another doctor"
    ),
    "least change": Text(
        "уәде етілген уақытқа ең жақын", "ближе всего к обещанному времени", "the nearest to the promised time"
    ),
    "dispatcher": Text("диспетчер таңдады", "выбор диспетчера", "the dispatcher's choice"),
    "sampled days": Text(
        "бұрынғы күндерге қарай ең аз жол",
        "меньше дороги, судя по прошлым дням",
        "less travel, judged by earlier days",
    ),
}
"""What counted when a doctor was chosen."""
HOURS: Final[Mapping[str, Text]] = {
    "standard": Text("стандарт бойынша", "по стандарту", "the standard's hours"),
    "clinic": Text("емхананың өз уақыты", "по данным поликлиники", "as the clinic says"),
    "swapped": Text("ауыстырылған күн", "перенесённый день", "a swapped day"),
    "extra": Text("қосымша жұмыс күні", "дополнительный рабочий день", "an extra working day"),
    "day off": Text("демалыс күні", "выходной", "a day off"),
    "holiday": Text("мереке", "праздник", "a holiday"),
}
"""Whose hours a decision used, or why the clinic was closed."""
DEADLINES: Final[Mapping[str, Text]] = {
    "queue": Text("кезек", "очередь", "queue"),
    "service": Text("қызмет көрсету", "обслуживание", "service"),
    "answer": Text("жауап", "ответ", "answer"),
    "visit": Text("дәрігердің келуі", "визит врача", "visit"),
    "complaint": Text("шағымға жауап", "ответ на жалобу", "answer to the complaint"),
}
_OF_APPLICANT: Final = Text("өтініш беруші: {what}", "заявитель: {what}", "applicant: {what}")
FIELDS: Final[Mapping[str, Text]] = {
    "female": Text("әйел", "женский", "female"),
    "male": Text("ер", "мужской", "male"),
    "kk": Text("қазақша", "казахский", "Kazakh"),
    "ru": Text("орысша", "русский", "Russian"),
    "en": Text("ағылшынша", "английский", "English"),
    "identity_card": Text("жеке куәлік", "удостоверение личности", "identity card"),
    "passport": Text("паспорт", "паспорт", "passport"),
    "birth_certificate": Text("туу туралы куәлік", "свидетельство о рождении", "birth certificate"),
    "other": Text("басқа", "другой", "other"),
    "parent": Text("ата-анасы", "родитель", "parent"),
    "guardian": Text("қамқоршысы", "опекун", "guardian"),
    "power_of_attorney": Text("сенімхат", "доверенность", "power of attorney"),
    "in_person": Text("өзі келіп", "лично", "in person"),
    "post": Text("поштамен", "почтой", "by post"),
    "by_hand": Text("қолма-қол", "на руки", "by hand"),
    "portal": Text("портал арқылы", "через портал", "through the portal"),
    "clinic": Text("емхана басшысына", "руководителю поликлиники", "to the clinic"),
    "ministry": Text("Министрлікке", "в Министерство", "to the Ministry"),
    "quality_authority": Text("сапаны бақылау органына", "в орган контроля качества", "to the quality authority"),
    "upheld": Text("негізді", "обоснована", "upheld"),
    "partly_upheld": Text("ішінара негізді", "частично обоснована", "partly upheld"),
    "not_upheld": Text("негізсіз", "не обоснована", "not upheld"),
    **{
        name: WORDS[name]
        for name in (
            *("iin", "full_name", "birth_date", "sex", "phone", "address", "entrance", "floor", "flat", "intercom"),
            *("reasons", "note", "channel", "document_kind", "document_number", "kdp_token", "kdp_public_key"),
            *("queued_at", "postal_address"),
            *("answer_by", "answer_place", "measures", "grounds"),
            *("referral_card_number", "referral_category", "referral_handed_over_at"),
        )
    },
    "language": WORDS["caller_language"],
    "text": WORDS["complaint_text"],
    "reason": WORDS["reason"],
    "request_id": WORDS["about_call"],
    "district_id": WORDS["district"],
    **{
        f"applicant_{name}": _OF_APPLICANT.fill(what=WORDS[name])
        for name in ("iin", "full_name", "phone", "authority_kind", "authority_number", "authority_valid_until")
    },
    "lat": Text("ендік", "широта", "latitude"),
    "lon": Text("бойлық", "долгота", "longitude"),
    "complaint_id": Text("шағым нөмірі", "номер жалобы", "the complaint's id"),
    "preferred_window": WORDS["offers"],
    "doctor_id": WORDS["doctor"],
    "arrives_from": WORDS["arrives_from"],
    "outcome": WORDS["outcome"],
    "to_clinic_id": WORDS["transfer_to"],
    "addressed_to": WORDS["addressed_to"],
    "executor_full_name": WORDS["executor"],
    "executor_position": WORDS["position"],
    "decision": WORDS["decision"],
    "sent_by": WORDS["answer_by"],
    "temperature_c": WORDS["temperature"],
}
"""Values that people choose from, and the names of fields where an error names them."""
