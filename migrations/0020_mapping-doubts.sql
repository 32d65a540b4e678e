-- How the rows that arrived last contradict the server's mapping, by what they contradict: {"speed": "…"}. It holds for the mapping of its time: an edit of
-- the server is later than mapping_judged_at.
ALTER TABLE legacy_server_state
  ADD COLUMN mapping_doubts jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN mapping_judged_at timestamptz;
-- What a run found that fails no vehicle and that somebody has to look at: [{"serverId": "depot", "found": "…"}].
ALTER TABLE sync_runs ADD COLUMN warnings jsonb NOT NULL DEFAULT '[]';
