import type { ColumnMapping } from './column-mapping.ts';
import type { LegacySyncSettings } from './legacy-sync.ts';

/** Ids that a second holds where ids are made of a time: its bits below the seconds. */
export const IDS_PER_SECOND = 2 ** 30;

/** Ids at and below the watermark that a delta reads again. */
export const overlapOf = (
  { id }: Pick<ColumnMapping, 'id'>,
  settings: Pick<LegacySyncSettings, 'overlapIds' | 'overlapSeconds'>,
): number => (typeof id === 'string' ? settings.overlapIds : settings.overlapSeconds * IDS_PER_SECOND);
