/** Registered by every worker at its start; `temporal workflow list -q 'VehicleId="17"'` finds a vehicle's syncs. */
export const vehicleIdKey = { name: 'VehicleId', type: 'KEYWORD' } as const;
export const workerSlotKey = { name: 'WorkerSlot', type: 'INT' } as const;
export const fleetRunKey = { name: 'FleetRun', type: 'KEYWORD' } as const;
