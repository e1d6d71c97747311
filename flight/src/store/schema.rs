//! The tables of `migrations/flight`.

diesel::table! {
    cities (code) {
        code -> Text,
        name -> Text,
        country -> Text,
        time_zone -> Text,
        version -> BigInt,
        folded_name -> Text,
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
        latitude -> Double,
        longitude -> Double,
        min_connection_minutes -> Nullable<Integer>,
        version -> BigInt,
        domestic_tax -> Nullable<BigInt>,
        international_tax -> Nullable<BigInt>,
        folded_name -> Text,
    }
}

diesel::table! {
    airlines (code) {
        code -> Text,
        name -> Text,
        accounting_code -> Text,
        version -> BigInt,
        folded_name -> Text,
    }
}

diesel::table! {
    aircraft_types (code) {
        code -> Text,
        icao -> Text,
        name -> Text,
        version -> BigInt,
        folded_name -> Text,
    }
}

diesel::table! {
    seat_layouts (id) {
        id -> Uuid,
        name -> Text,
        aircraft_type -> Text,
        plan -> Jsonb,
        version -> BigInt,
        folded_name -> Text,
    }
}

diesel::table! {
    airplanes (registration) {
        registration -> Text,
        airline -> Text,
        aircraft_type -> Text,
        seat_layout_id -> Uuid,
        version -> BigInt,
    }
}

diesel::table! {
    flights (id) {
        id -> Uuid,
        version -> BigInt,
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
    }
}

diesel::table! {
    fares (flight_id, cabin, brand) {
        flight_id -> Uuid,
        cabin -> Text,
        brand -> Text,
        base_price -> BigInt,
        currency -> Text,
    }
}

diesel::table! {
    availability (flight_id) {
        flight_id -> Uuid,
        version -> BigInt,
        held -> Array<SmallInt>,
        sold -> Array<SmallInt>,
    }
}

diesel::joinable!(airports -> cities (city));
diesel::joinable!(seat_layouts -> aircraft_types (aircraft_type));
diesel::allow_tables_to_appear_in_same_query!(airports, cities, seat_layouts, aircraft_types);
