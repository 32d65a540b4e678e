/** Who a vehicle sync is to the circuit of its server: claims and activities ask under the same name. */
export const probeKey = (runId: string, vehicleId: string): string => `${runId}/${vehicleId}`;
