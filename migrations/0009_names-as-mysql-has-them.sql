-- Names of databases and tables, and keys of vehicles, may hold what MySQL allows: blanks, hyphens, slashes, Cyrillic. What they may not hold
-- is checked by the schema that writes them (src/settings/mysql-identifier.ts); here is what would break a statement or a line.
ALTER TABLE legacy_servers DROP CONSTRAINT legacy_servers_database_check,
  ADD CHECK (char_length(database) BETWEEN 1 AND 64 AND database !~ '[[:cntrl:]''"`\\]|^-| $');

ALTER TABLE legacy_tables DROP CONSTRAINT legacy_tables_table_name_check,
  ADD CHECK (char_length(table_name) BETWEEN 1 AND 64 AND table_name !~ '[[:cntrl:]''"`\\]|^-| $');

ALTER TABLE vehicles
  DROP CONSTRAINT vehicles_legacy_table_check,
  ADD CHECK (char_length(legacy_table) BETWEEN 1 AND 64 AND legacy_table !~ '[[:cntrl:]''"`\\]|^-| $'),
  DROP CONSTRAINT vehicles_legacy_vehicle_id_check,
  ADD CHECK (char_length(legacy_vehicle_id) BETWEEN 1 AND 255 AND legacy_vehicle_id !~ '[[:cntrl:]''"`\\]');
