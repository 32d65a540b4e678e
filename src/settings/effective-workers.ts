import type { LegacySyncSettings } from './legacy-sync.ts';

/** Slots a run should have: its own number, else the setting; one where the pool is disabled. */
export function effectiveWorkers(
  settings: Pick<LegacySyncSettings, 'poolEnabled' | 'maxWorkers'>,
  runMaxWorkers: number | null,
): number {
  return settings.poolEnabled ? (runMaxWorkers ?? settings.maxWorkers) : 1;
}
