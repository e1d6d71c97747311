//! The tables of `migrations/mailer`, and of `migrations/shared` the dead letters.

diesel::table! {
    letters (id) {
        id -> Uuid,
        template -> Text,
        event_id -> Uuid,
        aggregate -> Text,
        aggregate_version -> BigInt,
        reference -> Nullable<Text>,
        recipient -> Text,
        locale -> Text,
        subject -> Text,
        data -> Jsonb,
        message_id -> Text,
        status -> Text,
        attempts -> Integer,
        failures -> Integer,
        queued_at -> Timestamptz,
        next_attempt_at -> Timestamptz,
    }
}

diesel::table! {
    letter_attempts (letter_id, number) {
        letter_id -> Uuid,
        number -> Integer,
        at -> Timestamptz,
        outcome -> Text,
        smtp_code -> Nullable<SmallInt>,
        message -> Text,
    }
}

diesel::table! {
    dead_letters (id) {
        id -> Uuid,
        queue -> Text,
        event_id -> Nullable<Uuid>,
        payload -> Binary,
        reason -> Text,
        attempts -> Integer,
        created_at -> Timestamptz,
        replayed_at -> Nullable<Timestamptz>,
    }
}
