### German texts of the documents. Every catalogue has the same messages with the same variables.

## Ticket

receipt-title = E-Ticket-Beleg
document-title = E-Ticket { $locator }
booking-reference = Buchungscode
travellers = { $count ->
    [one] 1 Person
   *[other] { $count } Personen
}
period = { $first } – { $last }
flights = Flüge
duration = { $hours } Std. { $minutes } Min.
duration-minutes = { $minutes } Min.
connection = Umsteigen in { $city }: { $duration }
days-later = { $days ->
    [one] +1 Tag
   *[other] +{ $days } Tage
}
days-earlier = { $days ->
    [one] -1 Tag
   *[other] -{ $days } Tage
}
status-held = Noch nicht bezahlt
status-confirmed = Bestätigt
status-cancelled = Storniert
status-expired = Abgelaufen

## Passengers

passengers = Reisende
passenger = Name
ticket-number = Ticketnummer
seat = Sitzplatz
seat-lap = Auf dem Schoß
seat-open = Nicht zugewiesen
type-ADT = Erwachsen
type-CHD = Kind
type-INF = Kleinkind
cabin-economy = Economy
cabin-premium_economy = Premium Economy
cabin-business = Business
cabin-first = First
brand-light = Light
brand-standard = Standard
brand-flex = Flex

## Conditions and price

conditions = Bedingungen
conditions-of = { $brand } ({ $flights })
checked-bags = { $count ->
    [0] Kein Aufgabegepäck
    [one] 1 Gepäckstück zur Aufgabe
   *[other] { $count } Gepäckstücke zur Aufgabe
}
change-free = Umbuchung kostenlos
change-fee = Umbuchung für { $fee } pro Person
change-none = Keine Umbuchung
refund-free = Erstattbar
refund-fee = Erstattbar abzüglich { $fee } pro Person
refund-taxes = Steuern erstattbar, Flugpreis nicht erstattbar
note-void = Wird die Buchung innerhalb von 24 Stunden nach dem Kauf storniert, wird der volle Preis erstattet.
note-airline = Streicht die Fluggesellschaft einen Flug, wird die ganze Buchung voll erstattet.
note-times = Alle Zeiten sind Ortszeiten des Flughafens.
manage-link = Buchung verwalten: { $url }
price = Preis
price-item = Posten
price-amount = Betrag
fare = Flugpreis
taxes = Steuern und Flughafengebühren
total = Gesamtpreis
money = { $amount } { $currency }
issued = Ausgestellt am { $date }, { $time } UTC
page = Seite { $page } von { $pages }

## Boarding passes

boarding-pass = Bordkarte
boarding-passes = Bordkarten
boarding-pass-of = Bordkarte { $flight }, { $name }
flight = Flug
date = Datum
departure = Abflug
arrival = Ankunft
cabin = Klasse
screen-code = Für Bildschirme
paper-code = Für Papier
screen-code-alt = Aztec-Code der Bordkarte
paper-code-alt = PDF417-Code der Bordkarte

## Calendar

calendar-summary = Flug { $flight } { $from } – { $to }
calendar-departure = Abflug: { $date }, { $time } ({ $airport })
calendar-arrival = Ankunft: { $date }, { $time } ({ $airport })
calendar-seat = { $name }: Sitzplatz { $seat }
