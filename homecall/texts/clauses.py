"""What the clauses (C) and readings (R) that rulings cite say, for a registrar. Pure; long because it is data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from homecall.texts.language import NOTHING, Text

CLAUSES: Final[Mapping[str, Text]] = {
    "C3": Text(
        "Қызметті медициналық-санитариялық алғашқы көмек көрсететін медициналық ұйымдар (емханалар) көрсетеді. "
        "Өтініштер емханада (тікелей немесе телефон арқылы) және egov.kz порталы арқылы қабылданады, нәтижелері де "
        "солай беріледі.",
        "Услугу оказывают медицинские организации первичной медико-санитарной помощи (поликлиники). Заявки "
        "принимают и результаты выдают в поликлинике (лично или по телефону) и через портал egov.kz.",
        "The service is provided by primary health care organisations (clinics). Requests are taken and results "
        "given at the clinic (in person or by phone) and through the egov.kz portal.",
    ),
    "C4.1": Text(
        "Емханаға жүгінгенде қызмет құжаттар тапсырылған сәттен бастап 10 минуттан асырмай көрсетіледі.",
        "При обращении в поликлинику услугу оказывают не более чем за 10 минут с момента сдачи документов.",
        "At the clinic, the service takes at most 10 minutes from the moment the documents are handed in.",
    ),
    "C4.2": Text(
        "Емханаға жүгінгенде құжаттарды тапсыру үшін күту уақыты 10 минуттан аспайды.",
        "При обращении в поликлинику ожидание в очереди для сдачи документов – не более 10 минут.",
        "At the clinic, the wait to hand in the documents is at most 10 minutes.",
    ),
    "C4.3": Text(
        "Емханаға жүгінгенде қызмет көрсету уақыты 10 минуттан аспайды.",
        "При обращении в поликлинику время обслуживания – не более 10 минут.",
        "At the clinic, being served takes at most 10 minutes.",
    ),
    "C4.4": Text(
        "Портал арқылы жүгінгенде қызмет құжаттар тапсырылған сәттен бастап 30 минуттан асырмай көрсетіледі.",
        "При обращении через портал услугу оказывают не более чем за 30 минут с момента сдачи документов.",
        "Through the portal, the service takes at most 30 minutes from the moment the documents are handed in.",
    ),
    "C4.5": Text(
        "Емханаға тікелей немесе телефон арқылы жүгінгенде қызмет жүгінген күні көрсетіледі. Сұраныс емхананың "
        "жұмысы аяқталуына 2 сағат қалғанға дейін қабылданады (жұмыс күндері 18:00-ге дейін, сенбі күні 12:00-ге "
        "дейін).",
        "При личном обращении или по телефону услугу оказывают в день обращения. Заявки принимают до того, как до "
        "конца работы поликлиники останется 2 часа (в рабочие дни до 18:00, в субботу до 12:00).",
        "In person or by phone, the service is rendered on the day of the request. Requests are accepted until 2 "
        "hours before the clinic closes (until 18:00 on working days, until 12:00 on Saturday).",
    ),
    "C4.6": Text(
        "Электрондық түрде қызмет порталға жүгінген күні көрсетіледі. Сұраныс емхананың жұмысы аяқталуына 2 сағат "
        "қалғанға дейін қабылданады (жұмыс күндері 18:00-ге дейін, сенбі күні 12:00-ге дейін).",
        "В электронном виде услугу оказывают в день обращения на портал. Заявки принимают до того, как до конца "
        "работы поликлиники останется 2 часа (в рабочие дни до 18:00, в субботу до 12:00).",
        "Electronically, the service is rendered on the day of the request to the portal. Requests are accepted "
        "until 2 hours before the clinic closes (until 18:00 on working days, until 12:00 on Saturday).",
    ),
    "C6.1": Text(
        "Тікелей немесе телефон арқылы жүгінгенде қызметтің нәтижесі – шақыруларды тіркеу журналына жазу және "
        "дәрігердің келетін күні мен уақытын көрсетіп, ауызша жауап беру.",
        "При личном обращении или по телефону результат услуги – запись в журнале регистрации вызовов и устный "
        "ответ, в котором названы день и время прихода врача.",
        "In person or by phone, the result is an entry in the register of calls and an oral answer with the day and"
        " time of the doctor's visit.",
    ),
    "C6.2": Text(
        "Порталға жүгінгенде қызметтің нәтижесі – жеке кабинеттегі электрондық өтінім мәртебесі түріндегі хабарлама.",
        "При обращении на портал результат услуги – уведомление в личном кабинете о статусе электронной заявки.",
        "Through the portal, the result is a notice in the personal cabinet: the status of the electronic request.",
    ),
    "C8.1": Text(
        "Емхана дүйсенбіден жұмаға дейін үзіліссіз 8:00-ден 20:00-ге дейін, сенбі күні 9:00-ден 14:00-ге дейін "
        "жұмыс істейді. Жексенбі мен Еңбек кодексінде белгіленген мереке күндері – демалыс.",
        "Поликлиника работает с понедельника по пятницу с 8:00 до 20:00 без перерыва, в субботу с 9:00 до 14:00. "
        "Воскресенье и праздники по Трудовому кодексу – выходные.",
        "The clinic works Monday to Friday from 8:00 to 20:00 without a break and Saturday from 9:00 to 14:00. It "
        "is closed on Sundays and on public holidays under the Labour Code.",
    ),
    "C8.2": Text(
        "Портал жөндеуге байланысты техникалық үзілістерден басқа уақытта тәулік бойы жұмыс істейді. Жұмыс уақыты "
        "аяқталғаннан кейін, демалыс және мереке күндері берілген өтініш келесі жұмыс күні қабылданады, нәтижесі де"
        " сол күні беріледі.",
        "Портал работает круглосуточно, кроме технических перерывов на ремонт. Заявку, поданную после рабочего "
        "времени, в выходной или праздник, принимают на следующий рабочий день, и результат выдают в тот же день.",
        "The portal works round the clock, technical breaks for repair aside. A request made after working hours, "
        "on a day off or on a holiday is accepted, and its result given, on the next working day.",
    ),
    "C9.1": Text(
        "Емханаға тікелей жүгінгенде сәйкестендіру үшін жеке басты куәландыратын құжат керек. Өтінішті пациенттің "
        "өзі немесе сенімхат бойынша оның өкілі береді.",
        "При личном обращении в поликлинику нужен документ, удостоверяющий личность. Обращается сам пациент или его"
        " представитель по доверенности.",
        "In person at the clinic, an identity document is needed, for identification. The patient applies, or a "
        "representative under a power of attorney.",
    ),
    "C9.2": Text(
        "Порталға көрсетілетін қызметті алушының электрондық цифрлық қолтаңбасымен (ЭЦҚ) куәландырылған электрондық"
        " сұраныс беріледі.",
        "На портал подают электронный запрос, заверенный электронной цифровой подписью (ЭЦП) получателя услуги.",
        "To the portal goes an electronic request certified with the electronic digital signature (EDS) of the "
        "recipient of the service.",
    ),
    "C9.3": Text(
        "Емхана жеке басты куәландыратын құжаттар туралы мәліметті «электрондық үкімет» шлюзі арқылы тиісті "
        "мемлекеттік ақпараттық жүйелерден алады.",
        "Сведения о документах, удостоверяющих личность, поликлиника получает из государственных информационных "
        "систем через шлюз «электронного правительства».",
        "The clinic gets the data of identity documents from the state information systems through the e-government"
        " gateway.",
    ),
    "C10.1": Text(
        "Емхананың немесе оның лауазымды адамдарының шешіміне, әрекетіне (әрекетсіздігіне) шағым емхана басшысының "
        "немесе Министрлік басшысының атына беріледі. Министрліктің мекенжайы: 010000, Астана қаласы, Орынбор "
        "көшесі, 8-үй, Министрліктер үйі, № 5 кіреберіс.",
        "Жалобу на решения, действия (бездействие) поликлиники или её должностных лиц подают на имя руководителя "
        "поликлиники или Министерства. Адрес Министерства: 010000, город Астана, улица Орынбор, дом 8, Дом "
        "министерств, подъезд № 5.",
        "A complaint about decisions, acts or omissions of the clinic or its officials goes to the head of the "
        "clinic or of the Ministry. The Ministry's address: 010000, Astana, Orynbor street 8, House of Ministries, "
        "entrance 5.",
    ),
    "C10.2": Text(
        "Шағымның қабылданғанын оның тіркелуі растайды (мөртаңба, кіріс нөмірі мен күні). Оны қабылдаған адамның "
        "тегі мен аты-жөні, жауап алу мерзімі мен орны көрсетіледі.",
        "Принятие жалобы подтверждает её регистрация (штамп, входящий номер и дата). При этом указывают фамилию и "
        "имя принявшего, срок и место получения ответа.",
        "Registration confirms that a complaint was accepted: stamp, incoming number and date. It names who "
        "accepted it, and when and where the answer is to be had.",
    ),
    "C10.4": Text(
        "Емхананың атына түскен шағым тіркелген күнінен бастап бес жұмыс күні ішінде қаралады.",
        "Жалобу, поступившую на имя поликлиники, рассматривают в течение пяти рабочих дней со дня регистрации.",
        "A complaint to the clinic is considered within five working days from the day of registration.",
    ),
    "C10.6": Text(
        "Портал арқылы жіберілген өтініштің барысы жеке кабинетте көрінеді. Ол шағым өңделген сайын жаңарып "
        "отырады: жеткізу, тіркеу, орындау туралы белгі, қарау немесе қараудан бас тарту туралы жауап.",
        "Ход обращения, отправленного через портал, виден в личном кабинете. Сведения обновляются по мере обработки"
        " жалобы: доставка, регистрация, отметка об исполнении, ответ о рассмотрении или об отказе в рассмотрении.",
        "For one sent through the portal, the personal cabinet shows how it moves. It is kept up to date: delivery,"
        " registration, mark of execution, the answer or a refusal to consider it.",
    ),
    "C10.8": Text(
        "Қызмет нәтижесімен келіспеген адам мемлекеттік қызметтер көрсету сапасын бағалау және бақылау жөніндегі "
        "уәкілетті органға шағымдана алады. Ол шағым тіркелген күнінен бастап он бес жұмыс күні ішінде қаралады.",
        "Кто не согласен с результатом услуги, может подать жалобу в уполномоченный орган по оценке и контролю "
        "качества государственных услуг. Её рассматривают в течение пятнадцати рабочих дней со дня регистрации.",
        "A person who disagrees with the result of the service may complain to the body that assesses and controls the "
        "quality of state services. It considers the complaint within fifteen working days from the day of "
        "registration.",
    ),
    "C12": Text(
        "Қызмет көрсету орындарының мекенжайлары Министрліктің www.mzsr.gov.kz сайтындағы «Мемлекеттік көрсетілетін"
        " қызметтер» бөлімінде орналастырылған.",
        "Адреса мест оказания услуги размещены на сайте Министерства www.mzsr.gov.kz в разделе «Государственные "
        "услуги».",
        "The addresses of the places of service are on the Ministry's site www.mzsr.gov.kz, in the section “State "
        "services”.",
    ),
    "C14": Text(
        "Көрсетілетін қызметті алушы қызмет көрсету тәртібі мен мәртебесі туралы ақпаратты порталдағы жеке "
        "кабинеттен және бірыңғай байланыс орталығынан қашықтан біле алады.",
        "Получатель услуги может дистанционно узнать о порядке и статусе её оказания в личном кабинете на портале и"
        " в едином контакт-центре.",
        "The recipient can learn remotely how the service goes and its status, in the personal cabinet on the "
        "portal and from the contact centre.",
    ),
    "R1": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: шешім өтініште немесе шағымда көрсетілген берілу уақыты мен"
        " жарияланған күнтізбе бойынша қабылданады. Компьютердің сағаты ескерілмейді, сондықтан қайта тексергенде "
        "де шешім сол қалпында шығады.",
        "В стандарте не уточнено, система понимает так: решение принимают по времени подачи, указанному в заявке "
        "или жалобе, и по опубликованному календарю. Часы компьютера не учитываются, поэтому и при повторной "
        "проверке решение будет тем же.",
        "The standard leaves this open; the system reads it so: the decision goes by the time of submission stated "
        "in the request or complaint, and by the published calendar. No computer's clock counts, so a later check "
        "gives the same decision.",
    ),
    "R2": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: «18:00-ге дейін» дегенге дәл 18:00:00 кірмейді. Өтініш "
        "қабылдау аяқталатын сәттен бұрын берілсе ғана қабылданады.",
        "В стандарте не уточнено, система понимает так: «до 18:00» не включает ровно 18:00:00. Заявку принимают, "
        "только если она подана раньше момента окончания приёма.",
        "The standard leaves this open; the system reads it so: “until 18:00” leaves out 18:00:00 itself. A request"
        " is accepted only if it was made before the moment when acceptance ends.",
    ),
    "R3": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: тікелей немесе телефон арқылы қабылдау уақытынан тыс "
        "берілген өтініш қабылданбайды. Жауапта емхананың келесі қабылдау уақыты және шұғыл жағдайда 103 нөміріне "
        "қоңырау шалу керегі айтылады.",
        "В стандарте не уточнено, система понимает так: заявке, поданной лично или по телефону вне времени приёма, "
        "отказывают. В ответе называют ближайшее время приёма и говорят, что в экстренном случае нужно звонить 103.",
        "The standard leaves this open; the system reads it so: a request made in person or by phone outside the "
        "acceptance hours is refused. The answer says when the clinic accepts next, and to call 103 in an "
        "emergency.",
    ),
    "R4": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: жұмыс күні емхана ашылғанға дейін портал арқылы берілген "
        "өтініш сол күнгі ашылу уақытына қалдырылады.",
        "В стандарте не уточнено, система понимает так: заявку, поданную через портал в рабочий день до открытия "
        "поликлиники, откладывают до открытия в тот же день.",
        "The standard leaves this open; the system reads it so: a request made through the portal on a working day "
        "before the clinic opens is deferred to the opening of that day.",
    ),
    "R5": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: қабылдау аяқталғаннан кейін, бірақ емхана жабылғанға дейін "
        "портал арқылы берілген өтініш келесі жұмыс күніндегі ашылу уақытына қалдырылады.",
        "В стандарте не уточнено, система понимает так: заявку, поданную через портал после окончания приёма, но до"
        " закрытия поликлиники, откладывают до открытия на следующий рабочий день.",
        "The standard leaves this open; the system reads it so: a request made through the portal after acceptance "
        "ends but before the clinic closes is deferred to the opening of the next working day.",
    ),
    "R6": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: кейінге қалдырылған өтініштің мерзімі емхана ашылғанда "
        "басталады, жауап содан кейін 30 минут ішінде беріледі. Кейінге қалдырылғаны және ашылу уақыты бірден "
        "хабарланады.",
        "В стандарте не уточнено, система понимает так: срок отложенной заявки начинается с открытия поликлиники, "
        "ответ дают в течение 30 минут после него. О том, что заявка отложена и до какого времени, сообщают сразу.",
        "The standard leaves this open; the system reads it so: the term of a deferred request starts when the "
        "clinic opens, and the answer is due 30 minutes later. That it is deferred, and until when, is said at "
        "once.",
    ),
    "R7": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: шақырулар үшін сенбі – жұмыс күні. Мысалы, жұма күні "
        "19:00-де портал арқылы берілген өтініш сенбі 9:00-ге қалдырылады.",
        "В стандарте не уточнено, система понимает так: для вызовов суббота – рабочий день. Например, заявку, "
        "поданную через портал в пятницу в 19:00, откладывают до субботы, 9:00.",
        "The standard leaves this open; the system reads it so: for calls, Saturday is a working day. For example, "
        "a request made through the portal on Friday at 19:00 is deferred to Saturday at 9:00.",
    ),
    "R8": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: мереке күндері алты күндік жұмыс аптасы бойынша есептеледі:"
        " жексенбіге түскен мереке келесі жұмыс күніне ауысады, сенбіге түскені ауыспайды, 7 қаңтар мен Құрбан айт "
        "ешқашан ауыспайды. Үкімет қаулысымен ауыстырылған күндер де ескеріледі.",
        "В стандарте не уточнено, система понимает так: праздники считают по шестидневной рабочей неделе: с "
        "воскресенья праздник переносят на следующий рабочий день, с субботы не переносят, 7 января и Курбан айт не"
        " переносят никогда. Переносы дней по постановлениям Правительства тоже учитывают.",
        "The standard leaves this open; the system reads it so: holidays are those of the six-day week: one that "
        "falls on Sunday moves to the next working day, one on Saturday does not, and 7 January and Kurban Ait "
        "never move. Days swapped by government decrees count too.",
    ),
    "R9": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: шағымның жұмыс күндері емхананың алты күндік аптасы бойынша"
        " саналады. Бірінші күн – тіркеуден кейінгі алғашқы жұмыс күні, соңғы күн емхана жабылғанда аяқталады.",
        "В стандарте не уточнено, система понимает так: рабочие дни жалобы считают по шестидневной неделе "
        "поликлиники. Первый день – первый рабочий день после регистрации, последний заканчивается с закрытием "
        "поликлиники.",
        "The standard leaves this open; the system reads it so: the working days of a complaint are those of the "
        "clinic's six-day week. Day 1 is the first working day after registration, and the last day ends when the "
        "clinic closes.",
    ),
    "R9a": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: жұмыс уақытынан тыс түскен шағым бірден жеткізіледі, ал "
        "емхана келесі рет ашылғанда тіркеледі. Мерзім сол тіркелген күннен бастап есептеледі.",
        "В стандарте не уточнено, система понимает так: жалобу, поступившую вне рабочего времени, доставляют сразу,"
        " а регистрируют при ближайшем открытии поликлиники. Срок идёт с этого дня регистрации.",
        "The standard leaves this open; the system reads it so: a complaint that arrives outside working hours is "
        "delivered at once and registered when the clinic next opens. The term runs from that day of registration.",
    ),
    "R10": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: Министрлік басшысының атына берілген шағымның қаралу "
        "мерзімі де – бес жұмыс күні.",
        "В стандарте не уточнено, система понимает так: жалобу на имя руководителя Министерства тоже рассматривают "
        "в течение пяти рабочих дней.",
        "The standard leaves this open; the system reads it so: a complaint to the head of the Ministry is "
        "considered within five working days too.",
    ),
    "R11": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: пациенттің осы емханада ашық өтініші тұрғанда екінші өтініш"
        " қайталанған деп қабылданбайды, жауапта біріншісі көрсетіледі. Сол өтініштің өзі қайта жіберілсе, ештеңе "
        "өзгермейді.",
        "В стандарте не уточнено, система понимает так: пока у пациента в этой поликлинике есть открытая заявка, "
        "второй отказывают как повторной и называют первую. Если ту же заявку отправили ещё раз, ничего не "
        "меняется.",
        "The standard leaves this open; the system reads it so: while a patient has an open request at this clinic,"
        " a second one is refused as a duplicate, and the first is named. The same request sent again changes "
        "nothing.",
    ),
    "R12": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: жұмыс уақыты, мерзімдер мен бас тарту негіздері өтініш "
        "берілген күні қолданылған ережелер жинағынан алынады, ол шешімде көрсетіледі. Кейінгі бұйрықтар анық емес "
        "деректер үшін және емханаға тіркелмеген пациентке бас тартуды қосты.",
        "В стандарте не уточнено, система понимает так: часы работы, сроки и основания для отказа берут из набора "
        "правил на день подачи, и решение указывает этот набор. Более поздние приказы добавили отказ из-за "
        "недостоверных данных и отказ пациенту, не прикреплённому к поликлинике.",
        "The standard leaves this open; the system reads it so: hours, terms and grounds for refusal come from the "
        "set of rules for the day of the application, and the decision names that set. Later orders added refusal "
        "of unreliable data and of a patient who is not attached to the clinic.",
    ),
    "R13": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: дәрігер өтініш қабылданған күні келеді, кейінге қалдырылған"
        " өтініш бойынша – емхана ашылған сол күні. Қауіпті белгілері бар шақыру да қабылданады, бірақ әр "
        "хабарламада алдымен дереу 103 нөміріне қоңырау шалу керегі айтылады.",
        "В стандарте не уточнено, система понимает так: врач приходит в день принятия заявки, по отложенной заявке "
        "– в день открытия, до которого она отложена. Вызов с опасными симптомами тоже принимают, но каждое "
        "сообщение прежде всего говорит немедленно звонить 103.",
        "The standard leaves this open; the system reads it so: the doctor comes on the day of acceptance, for a "
        "deferred request on the day of the opening it was deferred to. A call with danger signs is accepted too, "
        "but every text on it says first to call 103 now.",
    ),
    "R14": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: жүйеге кешігіп жеткен өтініш берілген күніндегідей "
        "қаралады, мерзімі де сол кезден есептеледі, сондықтан түскенде өтіп кеткен болуы мүмкін. Дәрігердің келуі "
        "өткен уақытқа белгіленбейді: қалған ең жақын уақытқа, ал күн біткен болса, келесі жұмыс күніне қойылады.",
        "В стандарте не уточнено, система понимает так: заявку, дошедшую до системы с опозданием, решают как в день"
        " её подачи, и срок идёт с того же времени, так что он может истечь ещё до поступления. Визит не назначают "
        "на прошедшее время: берут ближайшее из оставшегося, а если день закончился – следующий рабочий день.",
        "The standard leaves this open; the system reads it so: a request that reaches the system late is decided "
        "as on the day it was made, and its term runs from then, so it may be over on arrival. A visit is never set"
        " in the past: it goes to the first time left, or to the next working day when the day is over.",
    ),
    "R15": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: өтінішті сенімхаты бар өкіл немесе кәмелетке толмаған "
        "баланың ата-анасы не қорғаншысы кез келген тәсілмен бере алады. Портал арқылы өкіл өзінің электрондық "
        "цифрлық қолтаңбасымен қол қояды.",
        "В стандарте не уточнено, система понимает так: заявку любым способом может подать представитель с "
        "доверенностью, а за несовершеннолетнего – родитель или опекун. На портале представитель подписывает её "
        "своей электронной цифровой подписью.",
        "The standard leaves this open; the system reads it so: a representative with a power of attorney, or the "
        "parent or guardian of a minor, may apply in any way. Through the portal, the representative signs with "
        "their own electronic digital signature.",
    ),
    "R16": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: кейінге қалдырылған өтініш қаралуға тиіс күні емхана жабық "
        "болып шықса, өтініш тағы кейінге қалдырылады. Жаңа уақыты хабарланады.",
        "В стандарте не уточнено, система понимает так: если в день, до которого отложена заявка, поликлиника "
        "оказалась закрыта, заявку откладывают ещё раз. Новое время сообщают.",
        "The standard leaves this open; the system reads it so: if the clinic turns out to be closed on the day to "
        "which a request was deferred, it is deferred again. The new time is told.",
    ),
    "R17": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: көрсетілген берілу уақыты жүйеге түскен уақыттан 2 минуттан"
        " артық озып тұрса, өтініш немесе шағым қате деректер үшін қабылданбайды. Айырма одан аз болса, жүйеге "
        "түскен уақыт алынады.",
        "В стандарте не уточнено, система понимает так: если указанное время подачи опережает время поступления в "
        "систему больше чем на 2 минуты, в приёме заявки или жалобы отказывают из-за неверных данных. При меньшей "
        "разнице берут время поступления.",
        "The standard leaves this open; the system reads it so: if the stated time of submission is more than 2 "
        "minutes ahead of the time of arrival in the system, the request or complaint is refused for wrong data. If"
        " it is ahead by less, the time of arrival is taken.",
    ),
    "R23": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: пациенттің туған күні мемлекеттік тіркелім жауап берсе, "
        "содан алынады. Жауап бермесе, өтініш беруші айтқан күн алынады.",
        "В стандарте не уточнено, система понимает так: дату рождения пациента берут из государственного регистра, "
        "если он ответил. Если не ответил, берут ту, что назвал заявитель.",
        "The standard leaves this open; the system reads it so: the patient's date of birth is the state register's"
        " where it answered. Where it did not, it is the one that the applicant gave.",
    ),
    "R24": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: тексеруді күтіп тұрған өтініш оны бұдан былай тексеру "
        "мүмкін болмағанда, ең кеші 72 сағаттан кейін, қабылданбайды. Жауапта әрі қарай не істеу керегі айтылады, "
        "ал мерзімі өткен болып есептеледі.",
        "В стандарте не уточнено, система понимает так: заявке, которая ждёт проверки, отказывают, когда проверить "
        "её уже нельзя, самое позднее через 72 часа. В ответе говорят, что делать дальше, а срок считают "
        "пропущенным.",
        "The standard leaves this open; the system reads it so: a request held for a check is refused once no later"
        " answer could tell, at the latest after 72 hours. The answer says what to do next, and its term counts as "
        "missed.",
    ),
    "R25": Text(
        "Стандартта нақтыланбаған, жүйе былай түсінеді: басқа емханаға берілген шақыру сонда жаңа өтініш ретінде "
        "қабылданады. Жауап мерзімі алғашқы өтініштен бастап есептеледі, ал қабылдау уақыты мен тіркелу қайта "
        "тексерілмейді.",
        "В стандарте не уточнено, система понимает так: вызов, переданный в другую поликлинику, принимают там как "
        "новую заявку. Срок ответа идёт от первой заявки, а часы приёма и прикрепление повторно не проверяют.",
        "The standard leaves this open; the system reads it so: a call that was handed on to another clinic is taken "
        "up there as a new request. The term of the answer runs from the first request, and neither the hours nor the "
        "attachment are checked again.",
    ),
}
"""By the id of the clause; readings say that they are the system's."""


def clause(name: str) -> Text:
    """What the clause with this id says; an empty text for one that is not known."""
    return CLAUSES.get(name, NOTHING)
