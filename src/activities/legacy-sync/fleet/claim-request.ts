import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { ClaimInput } from '../../../workflows/legacy-sync/activities.ts';
import type { RunRow } from '../../../records/sync-runs.ts';

/** A slot's request for its next vehicle, with the run and the settings that decide the answer. */
export interface ClaimRequest {
  input: ClaimInput;
  settings: LegacySyncSettings;
  run: RunRow;
  workers: number;
  random: () => number;
}
