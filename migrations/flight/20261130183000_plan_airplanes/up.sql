-- An airplane is not planned in two places. A delay changes `departs_at` and `arrives_at` alone; the plan stays beside them.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'btree_gist') THEN
        RAISE EXCEPTION 'the extension btree_gist is missing: an administrator runs migrations/extensions/provision.sql';
    END IF;
END $$;

-- `blocked_until` is the planned arrival and the turnaround of the type. Null takes a flight out of the constraint:
-- flights that overlapped others when it came are left as they were.
ALTER TABLE flights
    ADD COLUMN planned_departs_at timestamptz,
    ADD COLUMN planned_arrives_at timestamptz,
    ADD COLUMN blocked_until timestamptz;

-- The minutes are those of domain/rotation.rs: 25 for an ATR, 90 with two aisles, else 40.
UPDATE flights SET
    planned_departs_at = departs_at,
    planned_arrives_at = arrives_at,
    blocked_until = arrives_at + CASE
        WHEN aircraft_type LIKE 'AT%' THEN interval '25 minutes'
        WHEN EXISTS (
            SELECT FROM jsonb_array_elements(plan -> 'cabins') AS section WHERE section ->> 'columns' LIKE '%|%|%'
        ) THEN interval '90 minutes'
        ELSE interval '40 minutes'
    END
FROM seat_layouts WHERE seat_layouts.id = seat_layout_id;

-- Of two flights that overlap, the later one is taken out.
UPDATE flights SET blocked_until = NULL
FROM (
    SELECT id, max(blocked_until) OVER (
        PARTITION BY airplane ORDER BY departs_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS free_at
    FROM flights WHERE status <> 'cancelled'
) AS earlier
WHERE earlier.id = flights.id AND earlier.free_at > flights.departs_at;

-- By a hash of 64 bits: an index of the registration itself takes three times as long to write.
ALTER TABLE flights
    ALTER COLUMN planned_departs_at SET NOT NULL,
    ALTER COLUMN planned_arrives_at SET NOT NULL,
    ADD CHECK (planned_arrives_at > planned_departs_at),
    ADD CHECK (blocked_until >= planned_arrives_at),
    ADD CONSTRAINT flights_airplane_in_one_place
        EXCLUDE USING gist (hashtextextended(airplane, 0) WITH =, tstzrange(planned_departs_at, blocked_until) WITH &&)
        WHERE (status <> 'cancelled' AND blocked_until IS NOT NULL);
