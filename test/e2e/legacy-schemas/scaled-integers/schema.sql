CREATE TABLE track (
  uid bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, imei varchar(20) NOT NULL, dt int unsigned NOT NULL, lat int NOT NULL, lon int NOT NULL,
  speed smallint, angle smallint, KEY (imei, uid));
