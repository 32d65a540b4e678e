CREATE TABLE Device (accountID varchar(32) NOT NULL, deviceID varchar(32) NOT NULL, description varchar(128), uniqueID varchar(40), PRIMARY KEY (accountID, deviceID));
CREATE TABLE EventData (
  accountID varchar(32) NOT NULL, deviceID varchar(32) NOT NULL, timestamp int unsigned NOT NULL, statusCode int unsigned NOT NULL,
  latitude double, longitude double, gpsAge int unsigned, speedKPH double, heading double, altitude double, address varchar(90), creationTime int unsigned,
  PRIMARY KEY (accountID, deviceID, timestamp, statusCode));
INSERT INTO Device VALUES ('depot', 'bus0', 'Bus 14', 'x0'), ('depot', 'bus1', 'Bus 15', 'x1'), ('depot', 'bus2', 'Bus 16', 'x2'), ('taxi', 'bus0', 'Taxi 1', 'y0');
-- The same device in another account is another vehicle.
INSERT INTO EventData VALUES ('taxi', 'bus0', 1750000000, 61472, 44.8, 20.4, 0, 12, 0, 90, NULL, 1750000001);
