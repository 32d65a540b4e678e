-- The highest rows of a vehicle that an import brought, with their times: [["120", 1748736000], ["119", 1748735990]]. Where the source has other times at
-- these ids, it was emptied and filled again. null: from before there were any, or the ids are made of times.
ALTER TABLE vehicles ADD COLUMN seen_marks jsonb;
-- The same, of what the slices of its read brought so far.
ALTER TABLE vehicle_syncs ADD COLUMN read_marks jsonb;
