CREATE TABLE history_2025_06 (
  id int NOT NULL, bus varchar(20) NOT NULL, dt timestamp NOT NULL, lat double, lng double, speed float, KEY (bus, id), KEY (id)) ENGINE=MyISAM;
CREATE TABLE history_2025_07 LIKE history_2025_06;
CREATE TABLE history (
  id int NOT NULL, bus varchar(20) NOT NULL, dt timestamp NOT NULL, lat double, lng double, speed float, KEY (bus, id), KEY (id)
) ENGINE=MERGE UNION=(history_2025_06, history_2025_07) INSERT_METHOD=LAST;
