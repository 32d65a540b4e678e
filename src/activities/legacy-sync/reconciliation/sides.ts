import { chooseReader } from '../legacy-host/choose-reader.ts';
import { comparedRow, type ComparedRow } from './compared-row.ts';
import type { Sides } from './compare-vehicles.ts';
import { quickBuckets } from './quick-buckets.ts';
import type { ReconciliationDependencies } from './reconciliation-dependencies.ts';
import { both } from './both.ts';
import { sidesByRows } from './sides-by-rows.ts';
import { sourceRows } from './source-sql.ts';
import type { TableSides } from './table-sides.ts';
import { targetRows } from './target-sql.ts';
import { type ZoneOffset, zoneOffsets } from './zone-offsets.ts';

/** How the vehicles of a table are compared: by what each side says of its rows, or, where MySQL cannot say it, by reading them again. */
export function sidesOf(deps: ReconciliationDependencies, asked: TableSides): Sides {
  const { server } = asked.at;
  const { columns: tableColumns, engine = null } = asked.table;
  const reader = chooseReader(deps.settings().reader, { engine, columns: tableColumns }, server.columns).kind;
  const offsets = zoneOffsets(server.timeZone, Date.now());
  const row = comparedRow({ server, tableColumns, reader, offsets });
  return 'unsaid' in row
    ? sidesByRows(deps, asked, { offsets, unsaid: row.unsaid })
    : sidesBySql(deps, asked, { row, offsets });
}

function sidesBySql(
  deps: ReconciliationDependencies,
  { at, table, span, days }: TableSides,
  { row, offsets }: { row: ComparedRow; offsets: readonly ZoneOffset[] },
): Sides {
  const source = { server: at.server, row: row.source, days, ask: at.ask };
  const target = { pool: deps.importPool, timeZone: at.server.timeZone, row: row.target, days };
  return {
    method: 'sql',
    unsaid: [],
    mostRows: at.buffers.comparedRows,
    buckets: (vehicles) =>
      quickBuckets(
        {
          source,
          target,
          fields: row.fields,
          offsets,
          columns: table.columns,
          span,
          signal: at.signal,
          pace: deps.pace,
          logger: deps.logger,
        },
        vehicles,
      ),
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
