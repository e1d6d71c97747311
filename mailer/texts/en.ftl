### English texts of the letters. They are added to those of the documents (`documents/texts`), which the letters use too:
### names of cabins, brands and passenger types, durations, days, prices. Every catalogue has the same messages with the
### same variables.

## All letters

footer-machine = This e-mail was sent automatically.
footer-answer = Questions about booking { $locator }? Just answer this e-mail.
manage-booking = Manage booking
pay-now = Pay now
search-flights = Search flights
when-local = { $date }, { $time } ({ $city } time)
when-utc = { $date }, { $time } UTC
route = { $from } – { $to }
cabin-and-brand = { $cabin } · { $brand }
type-and-ticket = { $type } · Ticket { $ticket }
local-times = All times are local to the airport.
paid-total = Total paid
reason = Reason given by the airline: { $reason }
ticket-attached = Your e-ticket and the flights for your calendar are attached.
ticket-replaced = Your new e-ticket and calendar are attached. They replace the earlier ones.
calendar-attached = The attached calendar takes the flights out of yours.
nothing-charged = Nothing was charged.

## booking_confirmed

booking_confirmed-subject = Booking confirmed
booking_confirmed-status = Confirmed
booking_confirmed-preheader = { $route }, { $period }. Your e-ticket is attached.
booking_confirmed-intro = Your booking is confirmed.
booking_confirmed-keep = Keep the booking reference at hand: with it and your family name you find this booking again.

## booking_held

booking_held-subject = Your seats are held
booking_held-status = Held, not paid yet
booking_held-preheader = { $route }, { $period }. Pay { $total } to keep your seats.
booking_held-intro = Your seats are held until:
booking_held-pay = Pay { $total } before then, and they are yours.
booking_held-open = Pay { $total }, and they are yours.

## booking_changed

booking_changed-subject = Booking changed
booking_changed-status = Changed
booking_changed-preheader = { $route }, { $period }. This is your booking as it stands now.
booking_changed-intro = Your booking was changed. This is how it stands now.
booking_changed-reseated = Another airplane flies { $flight }, so we had to give you other seats. Everything else stays as it was.
booking_changed-seats = Your new seats
booking_changed-seat = { $from } → { $to }
booking_changed-seat-text = seat { $from } becomes { $to }

## booking_cancelled

booking_cancelled-subject = Booking cancelled
booking_cancelled-status = Cancelled
booking_cancelled-preheader = { $route }, { $period }. What we refund.
booking_cancelled-intro = Your booking was cancelled, and its seats were given back.
booking_cancelled-refund = Refund
booking_cancelled-refunded = We refund { $refund } of the { $total } that you paid, to the card that you paid with.
booking_cancelled-no-refund = You paid { $total }. The conditions of the fare allow no refund.

## hold_expired

hold_expired-subject = Your hold has ended
hold_expired-status = Hold ended
hold_expired-preheader = { $route }, { $period }. The seats were given back.
hold_expired-intro = The booking was not paid in time, so its seats were given back.
hold_expired-again = Would you still like to fly? Search again: prices and seats may have changed.

## flight_delayed

flight_delayed-subject = New flight times
flight_delayed-status = New times
flight_delayed-preheader = { $flight }: new departure { $departure }.
flight_delayed-intro = Flight { $flight } has new times. The times below are the new ones.
flight_delayed-mark = New times

## flight_cancelled

flight_cancelled-subject = Flight cancelled
flight_cancelled-status = Flight cancelled
flight_cancelled-preheader = { $flight } does not take place. What we refund.
flight_cancelled-intro = We are sorry: flight { $flight } does not take place, so your booking was cancelled.
flight_cancelled-refunded = We refund { $refund } to the card that you paid with.
flight_cancelled-mark = Cancelled by the airline

## verify_email

verify_email-subject = Confirm your e-mail address
verify_email-preheader = One step, and your Aerobus account is yours.
verify_email-intro = Somebody opened an Aerobus account with this address. If it was you, confirm that the address is yours:
verify_email-button = Confirm this address
verify_email-ignore = If it was not you, ignore this e-mail.

## password_reset

password_reset-subject = Set a new password
password_reset-preheader = The link works once, until { $expires }.
password_reset-intro = Somebody asked for a new password of the Aerobus account with this address. If it was you, set one:
password_reset-button = Set a new password
password_reset-ignore = If it was not you, ignore this e-mail: your password stays as it is.

## verify_email and password_reset

token-code = Or enter this code where you are asked for it:
token-expires = The code works once, until { $expires }.

## session_alert

session_alert-new_device-subject = A new device uses your Aerobus account
session_alert-new_device = Somebody logged in to your account from a device that was not used before.
session_alert-password_changed-subject = Your Aerobus password was changed
session_alert-password_changed = The password of your account was changed.
session_alert-totp_changed-subject = The second factor of your Aerobus account was changed
session_alert-totp_changed = The second factor of your account was switched on or off.
session_alert-api_keys_changed-subject = The API keys of your Aerobus account were changed
session_alert-api_keys_changed = An API key of your account was created or deleted.
session_alert-refresh_token_reused-subject = A session of your Aerobus account was ended
session_alert-refresh_token_reused = A key of one of your sessions was used twice. Somebody may have copied it, so we ended the session.
session_alert-when = When
session_alert-address = Network address
session_alert-program = Program
session_alert-you = If it was you, there is nothing to do.
session_alert-not-you = If it was not you, set a new password: that ends all sessions.
session_alert-button = Set a new password
