import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import type { LegacyHost } from '../legacy-host/legacy-host.ts';
import type { VehicleContext } from '../vehicle-context.ts';
import type { Attempt } from './attempt.ts';

/** One attempt at one range of a vehicle: which vehicle of which run, what is known of it, its legacy host, and the attempt under way. */
export interface RangeWork {
  key: VehicleSyncKey;
  context: VehicleContext;
  host: LegacyHost;
  attempt: Attempt;
}
