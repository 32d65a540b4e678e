-- A vehicle's page asks for its last comparison.
CREATE INDEX reconciled_vehicles_of_vehicle ON reconciled_vehicles (vehicle_id, compared_at DESC) WHERE compared_at IS NOT NULL;
