-- With the same number of rows a window may hold others: some removed at the source, as many committed late. src/activities/legacy-sync/dump/id-sum.ts
-- says how it is made; null: unknown, only more rows are noticed.
ALTER TABLE vehicles ADD COLUMN seen_id_sum bigint;
