//! The tables of `migrations/shared`.

diesel::table! {
    events (id) {
        id -> Uuid,
        kind -> Text,
        subject -> Text,
        version -> BigInt,
        time -> Timestamptz,
        traceparent -> Nullable<Text>,
        data -> Text,
    }
}

diesel::table! {
    outbox (seq) {
        seq -> BigInt,
        event_id -> Uuid,
    }
}

diesel::table! {
    inbox (consumer, event_id) {
        consumer -> Text,
        event_id -> Uuid,
        received_at -> Timestamptz,
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

diesel::joinable!(outbox -> events (event_id));
diesel::allow_tables_to_appear_in_same_query!(events, outbox);
