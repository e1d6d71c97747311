### German texts of the letters. They are added to those of the documents (`documents/texts`), which the letters use too:
### names of cabins, brands and passenger types, durations, days, prices. Every catalogue has the same messages with the
### same variables.

## All letters

footer-machine = Diese E-Mail wurde automatisch erstellt.
footer-answer = Fragen zur Buchung { $locator }? Antworten Sie einfach auf diese E-Mail.
manage-booking = Buchung verwalten
pay-now = Jetzt bezahlen
search-flights = Flüge suchen
when-local = { $date }, { $time } Uhr (Ortszeit in { $city })
when-utc = { $date }, { $time } Uhr UTC
route = { $from } – { $to }
cabin-and-brand = { $cabin } · { $brand }
type-and-ticket = { $type } · Ticket { $ticket }
local-times = Alle Zeiten sind Ortszeiten des Flughafens.
paid-total = Bezahlt
reason = Begründung der Fluggesellschaft: { $reason }
ticket-attached = Ihr E-Ticket und die Flüge für Ihren Kalender hängen an.
ticket-replaced = Ihr neues E-Ticket und der neue Kalender hängen an. Sie ersetzen die früheren.
calendar-attached = Der angehängte Kalender nimmt die Flüge aus Ihrem Kalender heraus.
nothing-charged = Es wurde nichts berechnet.

## booking_confirmed

booking_confirmed-subject = Buchung bestätigt
booking_confirmed-status = Bestätigt
booking_confirmed-preheader = { $route }, { $period }. Ihr E-Ticket hängt an.
booking_confirmed-intro = Ihre Buchung ist bestätigt.
booking_confirmed-keep = Halten Sie den Buchungscode bereit: Mit ihm und Ihrem Nachnamen finden Sie diese Buchung wieder.

## booking_held

booking_held-subject = Ihre Plätze sind reserviert
booking_held-status = Reserviert, noch nicht bezahlt
booking_held-preheader = { $route }, { $period }. Bezahlen Sie { $total }, um Ihre Plätze zu behalten.
booking_held-intro = Ihre Plätze sind reserviert bis:
booking_held-pay = Bezahlen Sie bis dahin { $total }, und die Plätze gehören Ihnen.
booking_held-open = Bezahlen Sie { $total }, und die Plätze gehören Ihnen.

## booking_changed

booking_changed-subject = Buchung geändert
booking_changed-status = Geändert
booking_changed-preheader = { $route }, { $period }. So sieht Ihre Buchung jetzt aus.
booking_changed-intro = Ihre Buchung wurde geändert. So sieht sie jetzt aus.
booking_changed-reseated = { $flight } wird mit einem anderen Flugzeug geflogen, deshalb mussten wir Ihnen andere Plätze geben. Alles andere bleibt, wie es war.
booking_changed-seats = Ihre neuen Plätze
booking_changed-seat = { $from } → { $to }
booking_changed-seat-text = statt { $from } jetzt { $to }

## booking_cancelled

booking_cancelled-subject = Buchung storniert
booking_cancelled-status = Storniert
booking_cancelled-preheader = { $route }, { $period }. Was wir erstatten.
booking_cancelled-intro = Ihre Buchung wurde storniert, und ihre Plätze wurden freigegeben.
booking_cancelled-refund = Erstattung
booking_cancelled-refunded = Wir erstatten { $refund } von den bezahlten { $total } auf die Karte, mit der Sie bezahlt haben.
booking_cancelled-no-refund = Sie haben { $total } bezahlt. Die Bedingungen des Tarifs erlauben keine Erstattung.

## hold_expired

hold_expired-subject = Ihre Reservierung ist abgelaufen
hold_expired-status = Reservierung abgelaufen
hold_expired-preheader = { $route }, { $period }. Die Plätze wurden freigegeben.
hold_expired-intro = Die Buchung wurde nicht rechtzeitig bezahlt, deshalb wurden ihre Plätze freigegeben.
hold_expired-again = Möchten Sie noch fliegen? Suchen Sie noch einmal: Preise und Plätze können sich geändert haben.

## flight_delayed

flight_delayed-subject = Neue Flugzeiten
flight_delayed-status = Neue Zeiten
flight_delayed-preheader = { $flight }: neuer Abflug { $departure }.
flight_delayed-intro = Flug { $flight } hat neue Zeiten. Die Zeiten unten sind die neuen.
flight_delayed-mark = Neue Zeiten

## flight_cancelled

flight_cancelled-subject = Flug gestrichen
flight_cancelled-status = Flug gestrichen
flight_cancelled-preheader = { $flight } findet nicht statt. Was wir erstatten.
flight_cancelled-intro = Es tut uns leid: Flug { $flight } findet nicht statt, deshalb wurde Ihre Buchung storniert.
flight_cancelled-refunded = Wir erstatten { $refund } auf die Karte, mit der Sie bezahlt haben.
flight_cancelled-mark = Von der Fluggesellschaft gestrichen

## verify_email

verify_email-subject = Bestätigen Sie Ihre E-Mail-Adresse
verify_email-preheader = Nur ein Schritt, und Ihr Aerobus-Konto gehört Ihnen.
verify_email-intro = Jemand hat mit dieser Adresse ein Aerobus-Konto eröffnet. Wenn Sie es waren, bestätigen Sie, dass die Adresse Ihnen gehört:
verify_email-button = Adresse bestätigen
verify_email-ignore = Wenn Sie es nicht waren, ignorieren Sie diese E-Mail.

## password_reset

password_reset-subject = Setzen Sie ein neues Passwort
password_reset-preheader = Der Link gilt einmal, bis { $expires }.
password_reset-intro = Jemand hat für das Aerobus-Konto mit dieser Adresse ein neues Passwort verlangt. Wenn Sie es waren, setzen Sie eines:
password_reset-button = Neues Passwort setzen
password_reset-ignore = Wenn Sie es nicht waren, ignorieren Sie diese E-Mail: Ihr Passwort bleibt, wie es ist.

## verify_email and password_reset

token-code = Oder geben Sie diesen Code ein, wo Sie danach gefragt werden:
token-expires = Der Code gilt einmal, bis { $expires }.

## session_alert

session_alert-new_device-subject = Ein neues Gerät nutzt Ihr Aerobus-Konto
session_alert-new_device = Jemand hat sich von einem Gerät bei Ihrem Konto angemeldet, das bisher nicht genutzt wurde.
session_alert-password_changed-subject = Ihr Aerobus-Passwort wurde geändert
session_alert-password_changed = Das Passwort Ihres Kontos wurde geändert.
session_alert-totp_changed-subject = Der zweite Faktor Ihres Aerobus-Kontos wurde geändert
session_alert-totp_changed = Der zweite Faktor Ihres Kontos wurde ein- oder ausgeschaltet.
session_alert-api_keys_changed-subject = Die API-Schlüssel Ihres Aerobus-Kontos wurden geändert
session_alert-api_keys_changed = Ein API-Schlüssel Ihres Kontos wurde angelegt oder gelöscht.
session_alert-refresh_token_reused-subject = Eine Sitzung Ihres Aerobus-Kontos wurde beendet
session_alert-refresh_token_reused = Ein Schlüssel einer Ihrer Sitzungen wurde zweimal benutzt. Vielleicht hat ihn jemand kopiert, deshalb haben wir die Sitzung beendet.
session_alert-when = Wann
session_alert-address = Netzwerkadresse
session_alert-program = Programm
session_alert-you = Wenn Sie es waren, ist nichts zu tun.
session_alert-not-you = Wenn Sie es nicht waren, setzen Sie ein neues Passwort: Das beendet alle Sitzungen.
session_alert-button = Neues Passwort setzen
