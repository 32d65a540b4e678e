CREATE TABLE gps_2025_05 (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, bus varchar(20) NOT NULL, dt timestamp NOT NULL, lat double, lng double, speed float, KEY (bus, id)) ENGINE=MyISAM;
CREATE TABLE gps_2025_06 LIKE gps_2025_05;
CREATE TABLE gps_2025_07 LIKE gps_2025_05;
