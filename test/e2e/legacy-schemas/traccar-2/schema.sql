CREATE TABLE devices (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(255), uniqueId varchar(255));
CREATE TABLE positions (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, address varchar(255), altitude double, course double, latitude double, longitude double,
  other varchar(255), power double, speed double, time datetime, valid bit(1), device_id bigint, KEY (device_id), KEY (device_id, id));
INSERT INTO devices VALUES (1, 'Bus 14', '860000000000001'), (2, 'Bus 15', '860000000000002'), (3, 'Bus 16', '860000000000003');
