### English texts of the documents. Every catalogue has the same messages with the same variables.

## Ticket

receipt-title = E-ticket receipt
document-title = E-ticket { $locator }
booking-reference = Booking reference
travellers = { $count ->
    [one] 1 traveller
   *[other] { $count } travellers
}
period = { $first } – { $last }
flights = Flights
duration = { $hours } h { $minutes } min
duration-minutes = { $minutes } min
connection = Connection in { $city }: { $duration }
days-later = { $days ->
    [one] +1 day
   *[other] +{ $days } days
}
days-earlier = { $days ->
    [one] -1 day
   *[other] -{ $days } days
}
status-held = Not paid yet
status-confirmed = Confirmed
status-cancelled = Cancelled
status-expired = Expired

## Passengers

passengers = Passengers
passenger = Passenger
ticket-number = Ticket number
seat = Seat
seat-lap = On lap
seat-open = Not assigned
type-ADT = Adult
type-CHD = Child
type-INF = Infant
cabin-economy = Economy
cabin-premium_economy = Premium Economy
cabin-business = Business
cabin-first = First
brand-light = Light
brand-standard = Standard
brand-flex = Flex

## Conditions and price

conditions = Conditions
conditions-of = { $brand } ({ $flights })
checked-bags = { $count ->
    [0] No checked bag
    [one] 1 checked bag
   *[other] { $count } checked bags
}
change-free = Changes free of charge
change-fee = Changes for { $fee } a person
change-none = No changes
refund-free = Refundable
refund-fee = Refundable less { $fee } a person
refund-taxes = Taxes refundable, fare not refundable
note-void = A booking that is cancelled within 24 hours of its purchase is refunded in full.
note-airline = If the airline cancels a flight, the whole booking is refunded in full.
note-times = All times are local to the airport.
manage-link = Manage your booking: { $url }
price = Price
price-item = Item
price-amount = Amount
fare = Fare
taxes = Taxes and airport charges
total = Total
money = { $currency } { $amount }
issued = Issued { $date }, { $time } UTC
page = Page { $page } of { $pages }

## Boarding passes

boarding-pass = Boarding pass
boarding-passes = Boarding passes
boarding-pass-of = Boarding pass { $flight }, { $name }
flight = Flight
date = Date
departure = Departure
arrival = Arrival
cabin = Cabin
screen-code = For screens
paper-code = For paper
screen-code-alt = Aztec code of the boarding pass
paper-code-alt = PDF417 code of the boarding pass

## Calendar

calendar-summary = Flight { $flight } { $from } – { $to }
calendar-departure = Departure: { $date }, { $time } ({ $airport })
calendar-arrival = Arrival: { $date }, { $time } ({ $airport })
calendar-seat = { $name }: seat { $seat }
