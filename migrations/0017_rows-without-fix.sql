-- Rows without coordinates that a server's values.withoutFix says to skip: counted, and kept nowhere. The new checks are not compared with the rows that
-- are there, because those met narrower ones.
ALTER TABLE vehicle_syncs ADD COLUMN without_fix bigint NOT NULL DEFAULT 0;
ALTER TABLE import_ledger ADD COLUMN without_fix bigint NOT NULL DEFAULT 0,
  DROP CONSTRAINT import_ledger_check,
  ADD CONSTRAINT import_ledger_rows_add_up CHECK (inserted + duplicates + quarantined + without_fix = rows) NOT VALID;
ALTER TABLE table_slices ADD COLUMN without_fix bigint NOT NULL DEFAULT 0,
  DROP CONSTRAINT table_slices_check1,
  ADD CONSTRAINT table_slices_rows_add_up CHECK (inserted + duplicates + quarantined + without_fix + skipped = rows) NOT VALID;
