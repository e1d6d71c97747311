// @generated automatically by Diesel CLI.

diesel::table! {
    aircraft_types (code) {
        code -> Text,
        icao -> Text,
        name -> Text,
        version -> Int8,
        folded_name -> Text,
    }
}

diesel::table! {
    airlines (code) {
        code -> Text,
        name -> Text,
        accounting_code -> Text,
        version -> Int8,
        folded_name -> Text,
    }
}

diesel::table! {
    airplanes (registration) {
        registration -> Text,
        airline -> Text,
        aircraft_type -> Text,
        seat_layout_id -> Uuid,
        version -> Int8,
    }
}

diesel::table! {
    airports (iata) {
        iata -> Text,
        icao -> Nullable<Text>,
        name -> Text,
        city -> Text,
        country -> Text,
        time_zone -> Text,
        latitude -> Float8,
        longitude -> Float8,
        min_connection_minutes -> Nullable<Int4>,
        version -> Int8,
        domestic_tax -> Nullable<Int8>,
        international_tax -> Nullable<Int8>,
        folded_name -> Text,
    }
}

diesel::table! {
    availability (flight_id) {
        flight_id -> Uuid,
        version -> Int8,
        held -> Array<Int2>,
        sold -> Array<Int2>,
    }
}

diesel::table! {
    cities (code) {
        code -> Text,
        name -> Text,
        country -> Text,
        time_zone -> Text,
        version -> Int8,
        folded_name -> Text,
    }
}

diesel::table! {
    fares (flight_id, cabin, brand) {
        flight_id -> Uuid,
        cabin -> Text,
        brand -> Text,
        base_price -> Int8,
        currency -> Text,
    }
}

diesel::table! {
    flights (id) {
        id -> Uuid,
        version -> Int8,
        flight_number -> Text,
        airline -> Text,
        origin -> Text,
        destination -> Text,
        departs_at -> Timestamptz,
        arrives_at -> Timestamptz,
        departure_date -> Date,
        airplane -> Text,
        seat_layout_id -> Uuid,
        status -> Text,
        reason -> Nullable<Text>,
        planned_departs_at -> Timestamptz,
        planned_arrives_at -> Timestamptz,
        blocked_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    imports (id) {
        id -> Uuid,
        collection -> Text,
        dry_run -> Bool,
        status -> Text,
        lines_read -> Int8,
        lines_total -> Int8,
        created -> Int8,
        changed -> Int8,
        unchanged -> Int8,
        errors -> Jsonb,
        started_at -> Timestamptz,
        alive_at -> Timestamptz,
    }
}

diesel::table! {
    removed_dates (schedule_id, scheduled_date) {
        schedule_id -> Uuid,
        scheduled_date -> Date,
    }
}

diesel::table! {
    republications (kind, key) {
        kind -> Text,
        key -> Text,
        reached -> Nullable<Uuid>,
    }
}

diesel::table! {
    scheduled_flights (flight_id) {
        flight_id -> Uuid,
        schedule_id -> Uuid,
        mark -> Int8,
        scheduled_date -> Date,
    }
}

diesel::table! {
    schedules (id) {
        id -> Uuid,
        version -> Int8,
        flight_number -> Text,
        airline -> Text,
        origin -> Text,
        destination -> Text,
        effective_from -> Date,
        effective_to -> Date,
        days_of_operation -> Int2,
        departure_time -> Int2,
        arrival_time -> Int2,
        arrival_day_offset -> Int2,
        airplane -> Text,
        fares -> Jsonb,
        generated_until -> Nullable<Date>,
        conflicts -> Jsonb,
    }
}

diesel::table! {
    seat_layouts (id) {
        id -> Uuid,
        name -> Text,
        aircraft_type -> Text,
        plan -> Jsonb,
        version -> Int8,
        folded_name -> Text,
    }
}

diesel::table! {
    withdrawals (id) {
        id -> Uuid,
        flight_id -> Uuid,
        noted_at -> Timestamptz,
    }
}

diesel::joinable!(airplanes -> aircraft_types (aircraft_type));
diesel::joinable!(airplanes -> airlines (airline));
diesel::joinable!(airports -> cities (city));
diesel::joinable!(availability -> flights (flight_id));
diesel::joinable!(fares -> flights (flight_id));
diesel::joinable!(flights -> airlines (airline));
diesel::joinable!(flights -> airplanes (airplane));
diesel::joinable!(flights -> seat_layouts (seat_layout_id));
diesel::joinable!(removed_dates -> schedules (schedule_id));
diesel::joinable!(scheduled_flights -> flights (flight_id));
diesel::joinable!(scheduled_flights -> schedules (schedule_id));
diesel::joinable!(schedules -> airlines (airline));
diesel::joinable!(schedules -> airplanes (airplane));
diesel::joinable!(seat_layouts -> aircraft_types (aircraft_type));

diesel::allow_tables_to_appear_in_same_query!(
    aircraft_types,
    airlines,
    airplanes,
    airports,
    availability,
    cities,
    fares,
    flights,
    imports,
    removed_dates,
    republications,
    scheduled_flights,
    schedules,
    seat_layouts,
    withdrawals,
);
