#!/bin/bash
# Runs once, when the database volume is empty: one role and one schema per service, which no other service can read.
# The services tell some errors by their texts, so the server must speak English to them.
set -euo pipefail

for service in gateway flight booking mailer; do
    password=$(printenv "${service^^}_DATABASE_PASSWORD")
    psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
        --set=role="$service" --set=password="$password" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
ALTER ROLE :"role" SET lc_messages = 'C';
CREATE SCHEMA :"role" AUTHORIZATION :"role";
SQL
done
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --command='REVOKE CREATE ON SCHEMA public FROM PUBLIC'
