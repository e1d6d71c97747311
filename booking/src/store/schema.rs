// @generated automatically by Diesel CLI.

diesel::table! {
    bookings (id) {
        id -> Uuid,
        locator -> Text,
        owner_id -> Uuid,
        status -> Int2,
        payment_status -> Int2,
        hold_expires_at -> Timestamptz,
        currency -> Text,
        contact_email -> Text,
        contact_phone -> Nullable<Text>,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        confirmed_at -> Nullable<Timestamptz>,
        expires_at -> Nullable<Timestamptz>,
        contact_locale -> Nullable<Text>,
    }
}

diesel::table! {
    cancellation_quotes (id) {
        id -> Uuid,
        booking_id -> Uuid,
        version -> Int8,
        fare -> Int8,
        taxes -> Int8,
        penalty -> Int8,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    confirmation_requests (booking_id) {
        booking_id -> Uuid,
        requested_at -> Array<Nullable<Timestamptz>>,
    }
}

diesel::table! {
    disruptions (flight_id) {
        flight_id -> Uuid,
        version -> Int8,
        kind -> Int2,
    }
}

diesel::table! {
    flight_states (flight_id) {
        flight_id -> Uuid,
        version -> Int8,
        state -> Jsonb,
    }
}

diesel::table! {
    flights (id) {
        id -> Uuid,
        version -> Int8,
        departure_at -> Timestamptz,
        on_sale -> Bool,
        seats_version -> Int8,
    }
}

diesel::table! {
    former_travellers (booking_id) {
        booking_id -> Uuid,
    }
}

diesel::table! {
    idempotency_keys (scope) {
        scope -> Bytea,
        body -> Bytea,
        booking_id -> Uuid,
        status -> Nullable<Int2>,
        response -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    ledger_entries (cause, account) {
        cause -> Uuid,
        account -> Int2,
        booking_id -> Uuid,
        amount -> Int8,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    letters_caused (account_id) {
        account_id -> Uuid,
        caused_at -> Array<Nullable<Timestamptz>>,
    }
}

diesel::table! {
    lookup_failures (network, locator) {
        network -> Text,
        locator -> Text,
        began_at -> Timestamptz,
        failures -> Int4,
    }
}

diesel::table! {
    passengers (booking_id, position) {
        booking_id -> Uuid,
        position -> Int2,
        id -> Uuid,
        kind -> Int2,
        given_name -> Text,
        family_name -> Text,
        born_on -> Date,
        ticket_number -> Nullable<Int8>,
        seats -> Array<Nullable<Int2>>,
        booked_given_name -> Nullable<Text>,
        booked_family_name -> Nullable<Text>,
    }
}

diesel::table! {
    payments (id) {
        id -> Uuid,
        booking_id -> Uuid,
        method -> Text,
        token -> Nullable<Text>,
        amount -> Int8,
        state -> Int2,
        held_until -> Timestamptz,
        key_scope -> Nullable<Bytea>,
        answer -> Int2,
        created_at -> Timestamptz,
        provider_reference -> Nullable<Text>,
    }
}

diesel::table! {
    refunds (id) {
        id -> Uuid,
        booking_id -> Uuid,
        payment_id -> Uuid,
        amount -> Int8,
        reason -> Text,
        settled -> Bool,
        created_at -> Timestamptz,
        attempted_at -> Timestamptz,
        attempts -> Int2,
    }
}

diesel::table! {
    sandbox_operations (payment_id, operation, subject) {
        payment_id -> Uuid,
        operation -> Int2,
        subject -> Uuid,
        amount -> Int8,
        accepted -> Bool,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    seats (flight_id, seat) {
        flight_id -> Uuid,
        seat -> Int2,
        booking_id -> Uuid,
        sold -> Bool,
    }
}

diesel::table! {
    segments (booking_id, position) {
        booking_id -> Uuid,
        position -> Int2,
        flight_id -> Uuid,
        cabin -> Int2,
        brand -> Int2,
        fare -> Int8,
        taxes -> Int8,
        flight_version -> Int8,
    }
}

diesel::table! {
    travellers (flight_id, owner_id, fingerprint) {
        flight_id -> Uuid,
        owner_id -> Uuid,
        fingerprint -> Int8,
        booking_id -> Uuid,
        seated -> Bool,
    }
}

diesel::table! {
    unsettled_payments (payment_id) {
        payment_id -> Uuid,
        attempted_at -> Timestamptz,
        attempts -> Int2,
    }
}

diesel::table! {
    unverified_holds (owner_id, booking_id) {
        owner_id -> Uuid,
        booking_id -> Uuid,
        seats -> Int2,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    bookings,
    cancellation_quotes,
    confirmation_requests,
    disruptions,
    flight_states,
    flights,
    former_travellers,
    idempotency_keys,
    ledger_entries,
    letters_caused,
    lookup_failures,
    passengers,
    payments,
    refunds,
    sandbox_operations,
    seats,
    segments,
    travellers,
    unsettled_payments,
    unverified_holds,
);
