CREATE TABLE gps_table (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, bus_id varchar(45), latitude varchar(45), longitude varchar(45), speed varchar(45), `timestamp` varchar(45),
  KEY (bus_id, id));
