#!/bin/bash
# Runs once, when the database volume is empty: one role and one schema per service, which no other service can read.
set -euo pipefail

for service in gateway flight booking mailer; do
    psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
        --set=role="$service" --set=password="$SERVICE_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE SCHEMA :"role" AUTHORIZATION :"role";
SQL
done
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --command='REVOKE CREATE ON SCHEMA public FROM PUBLIC'
