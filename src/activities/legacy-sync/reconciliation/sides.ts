import { chooseReader } from '../legacy-host/choose-reader.ts';
import { comparedRow, type ComparedRow } from './compared-row.ts';
import type { Sides } from './compare-vehicles.ts';
import type { ReconciliationDependencies } from './reconciliation-dependencies.ts';
import { sidesByRows } from './sides-by-rows.ts';
import { sourceBuckets, sourceRows } from './source-sql.ts';
import type { TableSides } from './table-sides.ts';
import { targetBuckets, targetRows } from './target-sql.ts';
import { zoneOffsets } from './zone-offsets.ts';

/** How the vehicles of a table are compared: by what each side says of its rows, or, where MySQL cannot say it, by reading them again. */
export function sidesOf(deps: ReconciliationDependencies, asked: TableSides): Sides {
  const { server } = asked.at;
  const { columns: tableColumns, engine = null } = asked.table;
  const reader = chooseReader(deps.settings().reader, { engine, columns: tableColumns }, server.columns).kind;
  const offsets = zoneOffsets(server.timeZone, Date.now());
  const row = comparedRow({ server, tableColumns, reader, offsets });
  return 'unsaid' in row ? sidesByRows(deps, asked, { offsets, unsaid: row.unsaid }) : sidesBySql(deps, asked, row);
}

function sidesBySql(deps: ReconciliationDependencies, { at, days }: TableSides, row: ComparedRow): Sides {
  const source = { server: at.server, row: row.source, days, ask: at.ask };
  const target = { pool: deps.importPool, timeZone: at.server.timeZone, row: row.target, days };
  return {
    method: 'sql',
    unsaid: [],
    async buckets(vehicles) {
      const [there, arrived] = await both(sourceBuckets(source, vehicles), targetBuckets(target, vehicles));
      return { source: there, target: arrived };
    },
    async rows({ bound, days: asked, there }) {
      const found = { vehicle: bound.vehicle, ...there };
      const [of, here] = await both(
        there.rows === 0 ? Promise.resolve([]) : sourceRows(source, found, asked),
        targetRows(target, bound, asked),
      );
      return { source: of, target: here };
    },
  };
}

/** Both to their end, so that neither goes on after its activity. */
async function both<One, Other>(one: Promise<One>, other: Promise<Other>): Promise<[One, Other]> {
  const [first, second] = await Promise.allSettled([one, other]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return [first.value, second.value];
}
