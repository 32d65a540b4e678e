import { writeSetting } from '../src/records/settings.ts';
import type { Bench } from './bench-stack.ts';

/** What one dump holds: a vehicle's rows, a slice of a table's, or whichever is cheaper. */
export type ExportUnit = 'vehicle' | 'table' | 'auto';

/** Writes the setting. Workers learn of it by a notification a moment later, so the run must not begin at once. */
export async function useUnit({ ours }: Bench, unit: ExportUnit): Promise<void> {
  await writeSetting(ours, 'legacy_sync.export.unit', unit, { actor: 'bench' });
}
