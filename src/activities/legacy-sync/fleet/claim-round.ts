import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { ClaimInput } from '../../../workflows/legacy-sync/activities.ts';
import type { RunRow } from './run-row.ts';

/** What one claim was asked for, and under which settings. */
export interface ClaimRound {
  input: ClaimInput;
  settings: LegacySyncSettings;
  run: RunRow;
  workers: number;
  random: () => number;
}

/** Who a vehicle sync is to the breaker of its server: activities ask `BreakerStore` under the same name. */
export const probeKey = (runId: string, vehicleId: string): string => `${runId}/${vehicleId}`;
