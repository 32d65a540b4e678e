CREATE TABLE tc_devices (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(128) NOT NULL, uniqueid varchar(128) NOT NULL UNIQUE);
CREATE TABLE tc_positions (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, protocol varchar(128), deviceid int NOT NULL, servertime timestamp NOT NULL,
  devicetime timestamp NOT NULL, fixtime timestamp NOT NULL, valid bit(1) NOT NULL, latitude double NOT NULL, longitude double NOT NULL,
  altitude float NOT NULL, speed float NOT NULL, course float NOT NULL, address varchar(512), attributes varchar(4000), accuracy double NOT NULL DEFAULT 0,
  KEY position_deviceid_fixtime (deviceid, fixtime));
CREATE TABLE tc_users (id int PRIMARY KEY, name varchar(128), latitude double, longitude double);
INSERT INTO tc_devices VALUES (1, 'Bus 14', '860000000000001'), (2, 'Bus 15', '860000000000002'), (3, 'Bus 16', '860000000000003');
