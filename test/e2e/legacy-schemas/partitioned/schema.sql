CREATE TABLE avl (
  position_id bigint NOT NULL AUTO_INCREMENT, unit_id int NOT NULL, received_at timestamp NOT NULL, gps_time datetime NOT NULL, latitude double NOT NULL,
  longitude double NOT NULL, spd decimal(6,2), PRIMARY KEY (position_id, gps_time), KEY (unit_id, position_id))
PARTITION BY RANGE (TO_DAYS(gps_time)) (
  PARTITION p1 VALUES LESS THAN (TO_DAYS('2025-06-15 00:00:00')), PARTITION p2 VALUES LESS THAN (TO_DAYS('2025-06-16 00:00:00')), PARTITION p3 VALUES LESS THAN MAXVALUE);
