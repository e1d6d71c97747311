// @generated automatically by Diesel CLI.

diesel::table! {
    dead_letters (id) {
        id -> Uuid,
        queue -> Text,
        event_id -> Nullable<Uuid>,
        payload -> Bytea,
        reason -> Text,
        attempts -> Int4,
        created_at -> Timestamptz,
        replayed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    letter_attempts (letter_id, number) {
        letter_id -> Uuid,
        number -> Int4,
        at -> Timestamptz,
        outcome -> Text,
        smtp_code -> Nullable<Int2>,
        message -> Text,
    }
}

diesel::table! {
    letters (id) {
        id -> Uuid,
        template -> Text,
        event_id -> Uuid,
        aggregate -> Text,
        aggregate_version -> Int8,
        reference -> Nullable<Text>,
        recipient -> Text,
        locale -> Text,
        subject -> Text,
        data -> Jsonb,
        message_id -> Text,
        status -> Text,
        attempts -> Int4,
        failures -> Int4,
        queued_at -> Timestamptz,
        next_attempt_at -> Timestamptz,
    }
}

diesel::joinable!(letter_attempts -> letters (letter_id));

diesel::allow_tables_to_appear_in_same_query!(dead_letters, letter_attempts, letters,);
