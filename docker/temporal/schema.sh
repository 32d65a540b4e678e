#!/bin/sh
# Creates or updates the two databases of the Temporal server. Each step finds out by itself what there is to do.
set -eu
versioned=/etc/temporal/schema/postgresql/v12
sql() { temporal-sql-tool --plugin postgres12 --endpoint "$SQL_HOST" --port 5432 --user "$SQL_USER" --database "$@"; }
for database in temporal temporal_visibility; do
  sql "$database" create
  sql "$database" setup-schema --version 0.0
  sql "$database" update-schema --schema-dir "$versioned/${database#temporal_}/versioned"
done
