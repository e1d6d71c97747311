//! The tables of `migrations/booking`.

diesel::table! {
    flights (id) {
        id -> Uuid,
        version -> BigInt,
        departure_at -> Timestamptz,
        on_sale -> Bool,
        seats_version -> BigInt,
    }
}

diesel::table! {
    flight_states (flight_id) {
        flight_id -> Uuid,
        version -> BigInt,
        state -> Jsonb,
    }
}

diesel::table! {
    bookings (id) {
        id -> Uuid,
        locator -> Text,
        owner_id -> Uuid,
        status -> SmallInt,
        payment_status -> SmallInt,
        hold_expires_at -> Timestamptz,
        currency -> Text,
        contact_email -> Text,
        contact_phone -> Nullable<Text>,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        confirmed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    segments (booking_id, position) {
        booking_id -> Uuid,
        position -> SmallInt,
        flight_id -> Uuid,
        cabin -> SmallInt,
        brand -> SmallInt,
        fare -> BigInt,
        taxes -> BigInt,
        flight_version -> BigInt,
    }
}

diesel::table! {
    passengers (booking_id, position) {
        booking_id -> Uuid,
        position -> SmallInt,
        id -> Uuid,
        kind -> SmallInt,
        given_name -> Text,
        family_name -> Text,
        born_on -> Date,
        ticket_number -> Nullable<BigInt>,
        seats -> Array<Nullable<SmallInt>>,
        booked_given_name -> Nullable<Text>,
        booked_family_name -> Nullable<Text>,
    }
}

diesel::table! {
    seats (flight_id, seat) {
        flight_id -> Uuid,
        seat -> SmallInt,
        booking_id -> Uuid,
        sold -> Bool,
    }
}

diesel::table! {
    idempotency_keys (scope) {
        scope -> Binary,
        body -> Binary,
        booking_id -> Uuid,
        status -> Nullable<SmallInt>,
        response -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    payments (id) {
        id -> Uuid,
        booking_id -> Uuid,
        method -> Text,
        token -> Nullable<Text>,
        amount -> BigInt,
        state -> SmallInt,
        held_until -> Timestamptz,
        key_scope -> Nullable<Binary>,
        answer -> SmallInt,
        created_at -> Timestamptz,
        provider_reference -> Nullable<Text>,
    }
}

diesel::table! {
    refunds (id) {
        id -> Uuid,
        booking_id -> Uuid,
        payment_id -> Uuid,
        amount -> BigInt,
        reason -> Text,
        settled -> Bool,
        created_at -> Timestamptz,
        attempted_at -> Timestamptz,
        attempts -> SmallInt,
    }
}

diesel::table! {
    sandbox_operations (payment_id, operation, subject) {
        payment_id -> Uuid,
        operation -> SmallInt,
        subject -> Uuid,
        amount -> BigInt,
        accepted -> Bool,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    cancellation_quotes (id) {
        id -> Uuid,
        booking_id -> Uuid,
        version -> BigInt,
        fare -> BigInt,
        taxes -> BigInt,
        penalty -> BigInt,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    disruptions (flight_id) {
        flight_id -> Uuid,
        version -> BigInt,
        kind -> SmallInt,
    }
}

diesel::table! {
    letters_caused (account_id) {
        account_id -> Uuid,
        caused_at -> Array<Nullable<Timestamptz>>,
    }
}

diesel::table! {
    unverified_holds (owner_id, booking_id) {
        owner_id -> Uuid,
        booking_id -> Uuid,
        seats -> SmallInt,
    }
}

diesel::table! {
    lookup_failures (network, locator) {
        network -> Text,
        locator -> Text,
        began_at -> Timestamptz,
        failures -> Integer,
    }
}

diesel::allow_tables_to_appear_in_same_query!(flights, flight_states, bookings, segments, seats);
