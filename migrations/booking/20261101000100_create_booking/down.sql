DROP SEQUENCE ticket_documents;
DROP TABLE sandbox_operations, ledger_entries, refunds, payments, idempotency_keys, travellers, seats,
    passengers, segments, bookings, flight_states, flights;
