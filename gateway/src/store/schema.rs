// @generated automatically by Diesel CLI.

diesel::table! {
    api_keys (id) {
        id -> Uuid,
        user_id -> Uuid,
        name -> Text,
        prefix -> Text,
        digest -> Bytea,
        scope -> Text,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    erasures (user_id) {
        user_id -> Uuid,
        email -> Nullable<Text>,
        next_attempt_at -> Timestamptz,
        deleted_at -> Timestamptz,
    }
}

diesel::table! {
    known_devices (user_id, network, program) {
        user_id -> Uuid,
        network -> Text,
        program -> Text,
        last_at -> Timestamptz,
    }
}

diesel::table! {
    letter_requests (account, purpose) {
        account -> Bytea,
        purpose -> Text,
        requests -> Int4,
        since -> Timestamptz,
    }
}

diesel::table! {
    login_failures (account, network) {
        account -> Bytea,
        network -> Text,
        failures -> Int4,
        since -> Timestamptz,
        locked_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    one_time_tokens (digest) {
        digest -> Bytea,
        user_id -> Uuid,
        purpose -> Text,
        email_key -> Text,
        number -> Int8,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    recovery_codes (user_id, digest) {
        user_id -> Uuid,
        digest -> Bytea,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    refresh_tokens (digest) {
        digest -> Bytea,
        session_id -> Uuid,
        expires_at -> Timestamptz,
        rotated_at -> Nullable<Timestamptz>,
        sealed_successor -> Nullable<Bytea>,
    }
}

diesel::table! {
    revocations (subject) {
        subject -> Uuid,
        kind -> Text,
        not_before -> Timestamptz,
    }
}

diesel::table! {
    role_permissions (role, permission) {
        role -> Text,
        permission -> Text,
    }
}

diesel::table! {
    roles (name) {
        name -> Text,
        built_in -> Bool,
        version -> Int8,
    }
}

diesel::table! {
    sessions (id) {
        id -> Uuid,
        user_id -> Uuid,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        user_agent -> Nullable<Text>,
        address -> Nullable<Text>,
        last_used_at -> Timestamptz,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        public_key -> Text,
        created_at -> Timestamptz,
        retired_at -> Nullable<Timestamptz>,
        signs_from -> Timestamptz,
        rotation_requested -> Bool,
        withdrawn_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    token_events (event_id) {
        event_id -> Uuid,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    totp_factors (user_id) {
        user_id -> Uuid,
        sealed_secret -> Bytea,
        created_at -> Timestamptz,
        confirmed_at -> Nullable<Timestamptz>,
        last_step -> Nullable<Int8>,
    }
}

diesel::table! {
    user_roles (user_id, role) {
        user_id -> Uuid,
        role -> Text,
    }
}

diesel::table! {
    users (id) {
        id -> Uuid,
        email -> Text,
        email_key -> Text,
        email_verified -> Bool,
        password_hash -> Nullable<Text>,
        given_name -> Text,
        family_name -> Text,
        locale -> Text,
        status -> Text,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        given_name_key -> Text,
        family_name_key -> Text,
    }
}

diesel::table! {
    waiting_rooms (flight_id) {
        flight_id -> Uuid,
        created_at -> Timestamptz,
        issued -> Int8,
        mark -> Int8,
        rate -> Int8,
        moved_at -> Timestamptz,
        overloaded_at -> Timestamptz,
        slowed_at -> Nullable<Timestamptz>,
        closed_at -> Nullable<Timestamptz>,
        expired -> Int8,
        checkpoint -> Int8,
        checkpoint_at -> Timestamptz,
    }
}

diesel::joinable!(api_keys -> users (user_id));
diesel::joinable!(known_devices -> users (user_id));
diesel::joinable!(one_time_tokens -> users (user_id));
diesel::joinable!(recovery_codes -> totp_factors (user_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));
diesel::joinable!(role_permissions -> roles (role));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(totp_factors -> users (user_id));
diesel::joinable!(user_roles -> roles (role));
diesel::joinable!(user_roles -> users (user_id));

diesel::allow_tables_to_appear_in_same_query!(
    api_keys,
    erasures,
    known_devices,
    letter_requests,
    login_failures,
    one_time_tokens,
    recovery_codes,
    refresh_tokens,
    revocations,
    role_permissions,
    roles,
    sessions,
    signing_keys,
    token_events,
    totp_factors,
    user_roles,
    users,
    waiting_rooms,
);
