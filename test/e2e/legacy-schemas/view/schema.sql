CREATE TABLE raw_log (n bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, v int NOT NULL, s double, a float, b float, payload varbinary(20), KEY (v, n));
CREATE VIEW bus_positions AS
  SELECT n AS id, v AS vehicle_id, s AS `timestamp`, a AS latitude, b AS longitude, payload FROM raw_log WHERE a IS NOT NULL;
