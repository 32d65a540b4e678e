-- What makes the rows of a table: views, MERGE and FEDERATED tables are none that mysqldump reads. '-' is a view; null: nobody has looked since.
ALTER TABLE legacy_tables ADD COLUMN engine text;
