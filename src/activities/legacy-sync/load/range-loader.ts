import type pg from 'pg';
import type { SlotBuffers } from '../../../settings/slot-buffers.ts';
import type { VehicleSyncKey } from '../../../workflows/legacy-sync/activities.ts';
import type { DumpConverter } from '../dump/dump-converter.ts';
import { TUPLE_COLUMNS } from '../../../settings/position-columns.ts';
import { type CopyIn, startCopy } from './copy-in.ts';
import { keepQuarantined } from '../../../records/quarantine.ts';
import type { QuarantineWatch } from './quarantine-watch.ts';
import { openStaging, STAGING_TABLE } from './staged-rows.ts';

/** Sends what the converter has ready to PostgreSQL, one statement at a time, with bounded memory. */
export interface RangeLoader {
  /** Writes what is ready and large enough; with `all`, everything, and ends the COPY under way. */
  take(all?: boolean): Promise<void>;
  /** Rows that went straight into positions, and into the staging table. */
  rows(): { direct: number; staged: number };
  /** Ends the COPY under way with an error; the transaction has to be rolled back. */
  abort(reason: Error): void;
}

/** Of what the driver holds, a piece of tuples is this part: many small ones cost more in the driver than in the database. */
const PIECES = 4;

type Target = 'direct' | 'staged';
const TABLE: Record<Target, string> = {
  direct: `positions (${TUPLE_COLUMNS})`,
  staged: `${STAGING_TABLE} (${TUPLE_COLUMNS})`,
};

export interface RangeLoaderParts {
  client: pg.PoolClient;
  key: VehicleSyncKey;
  converter: DumpConverter;
  watch: QuarantineWatch;
  buffers: Pick<SlotBuffers, 'copyBytes' | 'waitingBytes'>;
}

export function createRangeLoader({ client, key, converter, watch, buffers }: RangeLoaderParts): RangeLoader {
  const loaded: Record<Target, number> = { direct: 0, staged: 0 };
  let copy: CopyIn | null = null;
  let target: Target | null = null;
  let stagingIsOpen = false;

  async function endCopy(): Promise<void> {
    if (copy === null || target === null) return;
    loaded[target] += await copy.end();
    copy = target = null;
  }

  async function send(to: Target, tuples: Buffer): Promise<void> {
    if (target !== to) {
      await endCopy();
      if (to === 'staged' && !stagingIsOpen) await openStaging(client);
      if (to === 'staged') stagingIsOpen = true;
      copy = startCopy(client, TABLE[to], buffers);
      target = to;
    }
    await copy!.write(tuples);
  }

  // More waits while a COPY to the other target is under way. Rows come by id, so the targets hardly ever alternate.
  const enough = (to: Target): number =>
    target === null || target === to ? buffers.copyBytes / PIECES : buffers.waitingBytes;

  return {
    async take(all = false) {
      const ready = converter.pending();
      if (ready.overlap > 0 && (all || ready.overlap >= enough('staged'))) {
        await send('staged', converter.takeOverlap());
      }
      if (ready.fresh > 0 && (all || ready.fresh >= enough('direct'))) await send('direct', converter.takeFresh());
      if (all || ready.quarantined >= buffers.waitingBytes) await endCopy();
      if (ready.quarantined > 0 && target === null && (all || ready.quarantined >= buffers.waitingBytes)) {
        const rows = converter.takeQuarantined();
        watch.see(rows);
        await keepQuarantined(client, key, rows);
      }
    },
    rows: () => ({ ...loaded }),
    abort: (reason) => copy?.abort(reason),
  };
}
