-- The settings of streaming share one word now. The value stays; `fleetgraph migrate` gives the row its bounds.
UPDATE system_settings SET key = 'legacy_sync.transfer.stream_max_bytes' WHERE key = 'legacy_sync.transfer.at_once_bytes';
