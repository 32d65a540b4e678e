import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { type SlotLimits, slotBuffers } from '../../../settings/slot-buffers.ts';
import { type RowsOf, type StreamedRows, convertStreamed } from './convert-streamed.ts';
import { createQuarantineWatch } from './quarantine-watch.ts';

interface TryDumpOptions extends Omit<RowsOf, 'buffers'> {
  settings: Pick<LegacySyncSettings, 'quarantineMaxPercent' | 'quarantineMinRows'> & SlotLimits;
}

/**
 * Reads a small dump as an import would, and stores nothing of it.
 * @throws Failure DumpTruncated, DumpCorrupt, SchemaDrift, QuarantineThresholdExceeded
 */
export async function tryDump(
  dump: StreamedRows,
  { settings, ...of }: TryDumpOptions,
): Promise<{ rows: number; quarantined: number; withoutFix: number }> {
  const { vehicle, server } = of;
  const buffers = slotBuffers(settings);
  const { converter, summary } = await convertStreamed(dump, { ...of, buffers });
  const { rows, quarantined, withoutFix } = summary;
  const { withoutFixMaxPercent } = server.values;
  const watch = createQuarantineWatch(vehicle.id, null, { ...settings, ...buffers, withoutFixMaxPercent });
  watch.see(converter.takeQuarantined());
  watch.conclude(rows, withoutFix);
  return { rows, quarantined, withoutFix };
}
