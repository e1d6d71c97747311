//! All rows of PostgreSQL as lines, as [`table_lines`](crate::trace::table_lines) gives those of the model.

use crate::trace::{ClaimedLocators, TableLines, locator_words, or_none, stored_answer};
use diesel::{
    QueryResult,
    prelude::QueryableByName,
    sql_types::{Nullable, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

#[derive(QueryableByName)]
struct TableLine {
    #[diesel(sql_type = Text)]
    line: String,
    /// What has to be read before it can be compared.
    #[diesel(sql_type = Nullable<Text>)]
    extra: Option<String>,
}

/// The same of PostgreSQL: each table with the columns as above.
const TABLES: [(&str, &str); 13] = [
    (
        "bookings",
        "SELECT concat_ws('|', id, '?', owner_id, status, payment_status, us(hold_expires_at), currency, contact_email, coalesce(contact_phone, '-'), version, us(created_at), us(updated_at), us(confirmed_at)) AS line, locator AS extra FROM bookings",
    ),
    (
        "segments",
        "SELECT concat_ws('|', booking_id, position, flight_id, cabin, brand, fare, taxes, flight_version) AS line, NULL AS extra FROM segments",
    ),
    (
        "passengers",
        "SELECT concat_ws('|', booking_id, position, id, kind, given_name, family_name, coalesce(booked_given_name, '-'), coalesce(booked_family_name, '-'), born_on, coalesce(ticket_number::text, '-'), seats::text) AS line, NULL AS extra FROM passengers",
    ),
    (
        "flights",
        "SELECT concat_ws('|', id, version, us(departure_at), on_sale::text, seats_version) AS line, NULL AS extra FROM flights",
    ),
    (
        "seats",
        "SELECT concat_ws('|', flight_id, seat, booking_id, sold::text) AS line, NULL AS extra FROM seats",
    ),
    (
        "travellers",
        "SELECT concat_ws('|', flight_id, owner_id, fingerprint, booking_id, seated::text) AS line, NULL AS extra FROM travellers",
    ),
    (
        "idempotency_keys",
        "SELECT concat_ws('|', encode(scope, 'hex'), encode(body, 'hex'), booking_id, us(created_at), '?') AS line, status || ' ' || response AS extra FROM idempotency_keys",
    ),
    (
        "payments",
        "SELECT concat_ws('|', id, booking_id, method, coalesce(token, '-'), amount, state, us(held_until), coalesce(encode(key_scope, 'hex'), '-'), answer, us(created_at)) AS line, NULL AS extra FROM payments",
    ),
    (
        "unsettled_payments",
        "SELECT concat_ws('|', payment_id, us(attempted_at), attempts) AS line, NULL AS extra FROM unsettled_payments",
    ),
    (
        "refunds",
        "SELECT concat_ws('|', booking_id, payment_id, amount, reason, settled::text, us(created_at), us(attempted_at), attempts) AS line, NULL AS extra FROM refunds",
    ),
    (
        "ledger_entries",
        "SELECT concat_ws('|', coalesce(p.id::text, 'refund'), e.account, e.booking_id, e.amount, us(e.created_at)) AS line, NULL AS extra FROM ledger_entries e LEFT JOIN payments p ON p.id = e.cause",
    ),
    (
        "disruptions",
        "SELECT concat_ws('|', flight_id, version, kind) AS line, NULL AS extra FROM disruptions",
    ),
    (
        "cancellation_quotes",
        "SELECT concat_ws('|', id, booking_id, version, fare, taxes, penalty, us(expires_at)) AS line, NULL AS extra FROM cancellation_quotes",
    ),
];

/// The rows of PostgreSQL.
pub(crate) async fn postgres_lines(
    connection: &mut AsyncPgConnection,
    claimed: &ClaimedLocators,
) -> QueryResult<TableLines> {
    let mut all = Vec::with_capacity(TABLES.len());
    for (table, query) in TABLES {
        let rows: Vec<TableLine> = diesel::sql_query(query).load(connection).await?;
        let line = |TableLine { line, extra }: TableLine| match table {
            "bookings" => {
                let id = line.split('|').next().and_then(|id| id.parse().ok());
                let own =
                    id.map_or_else(String::new, |id| locator_words(claimed, id, &extra.unwrap_or_default()));
                line.replacen('?', &own, 1)
            }
            "idempotency_keys" => {
                let told = extra.and_then(|extra| {
                    let (status, booking) = extra.split_once(' ')?;
                    Some(stored_answer(status.parse().ok()?, booking))
                });
                let (head, _) = line.rsplit_once('?').unwrap_or((&line, ""));
                format!("{head}{}", or_none(told))
            }
            _ => line,
        };
        let mut lines: Vec<String> = rows.into_iter().map(line).collect();
        lines.sort_unstable();
        all.push((table, lines));
    }
    Ok(all)
}
