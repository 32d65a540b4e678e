/** Registered by every worker at its start; `temporal workflow list -q 'VehicleId="17"'` finds a vehicle's syncs. */
export const vehicleIdKey = { name: 'VehicleId', type: 'KEYWORD' } as const;
export const workerSlotKey = { name: 'WorkerSlot', type: 'INT' } as const;
export const fleetRunKey = { name: 'FleetRun', type: 'KEYWORD' } as const;
/** Of a slice: `<server>/<table>`. `temporal workflow list -q 'LegacyTable="depot-1/positions"'` finds what read a table's vehicles. */
export const legacyTableKey = { name: 'LegacyTable', type: 'KEYWORD' } as const;
