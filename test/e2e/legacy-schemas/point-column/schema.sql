CREATE TABLE avl (
  position_id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, unit_id int NOT NULL, received_at timestamp NOT NULL, gps_time datetime NOT NULL,
  location point NOT NULL, spd decimal(6,2), KEY (unit_id));
