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
    events (id) {
        id -> Uuid,
        kind -> Text,
        subject -> Text,
        version -> Int8,
        time -> Timestamptz,
        traceparent -> Nullable<Text>,
        data -> Text,
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
    outbox (seq) {
        seq -> Int8,
        event_id -> Uuid,
    }
}

diesel::allow_tables_to_appear_in_same_query!(dead_letters, events, inbox, outbox,);
