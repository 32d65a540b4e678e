#!/bin/bash
# Runs once, when the volume is empty. The workers own one database and are no superuser; the extension is in template1 already,
# so that the migrations need no right to create it.
set -euo pipefail
psql --username="$POSTGRES_USER" --dbname=postgres --set=ON_ERROR_STOP=1 <<'SQL'
\getenv password FLEETGRAPH_PASSWORD
CREATE ROLE fleetgraph LOGIN PASSWORD :'password';
-- The API's connections work under it: it may read, and write what operators decide (src/records/schema/api-role.ts).
CREATE ROLE fleetgraph_api NOLOGIN;
GRANT fleetgraph_api TO fleetgraph;
CREATE DATABASE fleetgraph OWNER fleetgraph;
SQL
