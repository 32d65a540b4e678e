CREATE TABLE gs_objects (imei varchar(20) NOT NULL PRIMARY KEY, name varchar(50) NOT NULL);
CREATE TABLE gs_object_data_860000000000001 (
  dt_server datetime NOT NULL, dt_tracker datetime NOT NULL, lat double, lng double, altitude double, angle double, speed double, params varchar(2048), KEY (dt_tracker));
CREATE TABLE gs_object_data_860000000000002 LIKE gs_object_data_860000000000001;
CREATE TABLE gs_object_data_860000000000003 LIKE gs_object_data_860000000000001;
INSERT INTO gs_objects VALUES ('860000000000001', 'Bus 14'), ('860000000000002', 'Bus 15'), ('860000000000003', 'Bus 16');
