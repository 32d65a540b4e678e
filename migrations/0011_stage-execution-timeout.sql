-- timeout_ms is of one attempt. This is of the stage's whole execution, the attempts with the waits between them: 10, 5 and 10 minutes.
ALTER TABLE pipeline_stages ADD COLUMN execution_timeout_ms integer NOT NULL DEFAULT 600000 CHECK (execution_timeout_ms > 0);
UPDATE pipeline_stages SET execution_timeout_ms = timeout_ms;
