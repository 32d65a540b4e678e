import type pg from 'pg';
import type { CircuitStore } from '../../../pool/circuit-store.ts';
import type { Logger } from '../../../logger.ts';
import type { LegacyPlanner } from '../legacy-host/legacy-planner.ts';
import type { NewVehicle } from '../../../records/new-vehicles.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import type { SettingsReader } from '../../../records/settings-reader.ts';

/** What the worker process gives to the fleet activities. */
export interface FleetDependencies {
  pool: pg.Pool;
  planner: LegacyPlanner;
  /** The vehicles that a server has rows of. */
  discover: (server: LegacyServer, signal: AbortSignal) => Promise<NewVehicle[]>;
  circuits: CircuitStore;
  settings: SettingsReader;
  log: Logger;
  /** Temporal's heartbeat of the activity under way. */
  heartbeat: (details: unknown) => void;
  /** Aborts when the activity under way is cancelled. */
  cancellationSignal: () => AbortSignal;
  random?: () => number;
  /** The time by which quiet hours are told; the present, if nothing else is given. */
  now?: () => Date;
}
