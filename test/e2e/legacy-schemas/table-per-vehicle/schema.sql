CREATE TABLE bus_101 (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, ts timestamp NOT NULL, lat decimal(9,6), lon decimal(9,6), speed_kmh double) CHARACTER SET latin1;
CREATE TABLE bus_102 LIKE bus_101;
CREATE TABLE bus_103 LIKE bus_101;
