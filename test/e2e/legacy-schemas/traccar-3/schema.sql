CREATE TABLE devices (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(128) NOT NULL, uniqueid varchar(128) NOT NULL, status varchar(128),
  lastupdate timestamp NULL, positionid int, UNIQUE KEY uk_device_uniqueid (uniqueid));
CREATE TABLE positions (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, protocol varchar(128), deviceid int NOT NULL, servertime timestamp NOT NULL,
  devicetime timestamp NOT NULL, fixtime timestamp NOT NULL, valid bit(1) NOT NULL, latitude double NOT NULL, longitude double NOT NULL,
  altitude float NOT NULL, speed float NOT NULL, course float NOT NULL, address varchar(512), attributes varchar(4096) NOT NULL,
  KEY position_deviceid_fixtime (deviceid, fixtime),
  CONSTRAINT fk_position_deviceid FOREIGN KEY (deviceid) REFERENCES devices (id) ON DELETE CASCADE);
INSERT INTO devices (id, name, uniqueid) VALUES (1, 'Bus 14', '860000000000001'), (2, 'Bus 15', '860000000000002'), (3, 'Bus 16', '860000000000003');
