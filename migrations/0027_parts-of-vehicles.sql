-- A vehicle whose rows lie in several tables, one a month as a rule, has a row here for each: the ids of one table say nothing in the next, so each has a
-- watermark, a ledger and a fence of its own. All but one of them name that one.
ALTER TABLE vehicles ADD COLUMN part_of bigint REFERENCES vehicles CHECK (part_of <> id);
CREATE INDEX vehicles_parts ON vehicles (part_of) WHERE part_of IS NOT NULL;

-- The positions of a vehicle, in whichever tables of the source they lie. part_id is what positions calls vehicle_id.
CREATE VIEW vehicle_positions AS
  SELECT coalesce(vehicle.part_of, vehicle.id) AS vehicle_id, position.vehicle_id AS part_id, position."time", position.legacy_id, position.latitude,
         position.longitude, position.speed_kmh, position.heading_deg, position.altitude_m, position.received_at, position.flags, position.attributes
    FROM positions AS position JOIN vehicles AS vehicle ON vehicle.id = position.vehicle_id;
