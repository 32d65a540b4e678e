CREATE TABLE vehicle_locations (
  id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, vehicle_id int NOT NULL, ts bigint NOT NULL, lat double, lng double, velocity float,
  bearing smallint, KEY vehicle_then_id (vehicle_id, id));
