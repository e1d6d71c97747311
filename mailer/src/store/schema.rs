// @generated automatically by Diesel CLI.

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
    letter_queue (letter_id) {
        letter_id -> Uuid,
        next_attempt_at -> Timestamptz,
        sending -> Bool,
        attempts -> Int4,
        failures -> Int4,
        queued_at -> Timestamptz,
        aggregate -> Nullable<Text>,
        aggregate_version -> Int8,
        superseded -> Bool,
        held_back -> Bool,
    }
}

diesel::table! {
    letter_tokens (letter_id) {
        letter_id -> Uuid,
        token -> Text,
        expires_at -> Timestamptz,
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
        data -> Text,
        message_id -> Text,
        given_up -> Nullable<Text>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(letter_attempts, letter_queue, letter_tokens, letters,);
