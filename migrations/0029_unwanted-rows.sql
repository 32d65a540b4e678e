-- What becomes of rows of vehicles that nobody wants, in the ids of a read: the host sends them and they are skipped here, it looks at them and leaves
-- them out, or an index by vehicle spares it even that.
ALTER TABLE table_reads ADD COLUMN unwanted text NOT NULL DEFAULT 'sent' CHECK (unwanted IN ('sent', 'filtered', 'unread'));
