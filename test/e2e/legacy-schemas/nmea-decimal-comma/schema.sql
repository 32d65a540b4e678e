CREATE TABLE `Точки` (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, `госномер` varchar(20) NOT NULL, gps_date varchar(10), gps_time varchar(8), lat varchar(20), ns char(1),
  lon varchar(20), ew char(1), speed varchar(10), course varchar(10), KEY (`госномер`, id));
