import type { ColumnMapping } from '../../../settings/column-mapping.ts';
import { type LegacyServer, valuePolicySchema } from '../../../settings/legacy-server.ts';
import { createDumpConverter } from '../dump/dump-converter.ts';
import type { QuarantineReason } from '../dump/quarantine-reason.ts';
import { insertHead } from '../legacy-host/select-rows.ts';
import { type PositionTuple, readPositionTuples } from '../dump/read-position-tuples.ts';
import type { TableSample } from './sample-rows.ts';

/** What a sync would make of a sample: the rows that arrive, and those that go to quarantine, by reason and column. */
export interface ConvertedSample {
  arrived: PositionTuple[];
  refused: { reason: QuarantineReason; column: string | null; rows: number }[];
}

type Mapping = Pick<ColumnMapping, 'time' | 'latitude' | 'longitude' | 'attributes'> & Partial<ColumnMapping>;

/** Stands for the row's id, which a table need not have. It is the row's place in the sample. */
const ROW = '#row';
const HEAD = `/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES */;
`;
const TAIL = `/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;
-- fleetgraph rc=0
`;

/** Reads a sample exactly as a dump is read. @throws Failure SchemaDrift when a column cannot hold what the mapping says */
export function convertSample(
  table: string,
  sample: TableSample,
  { mapping, timeZone }: { mapping: Mapping; timeZone: LegacyServer['timeZone'] },
): ConvertedSample {
  const { vehicle: _ofNoMatter, ...columns } = mapping;
  const id = { name: ROW, dataType: 'bigint', columnType: 'bigint', nullable: false };
  const converter = createDumpConverter({
    table,
    tableColumns: [id, ...sample.columns],
    vehicleId: '1',
    legacyVehicleId: null,
    columns: { ...columns, id: ROW },
    values: valuePolicySchema.parse({}),
    timeZone,
    fromId: 0n,
    watermark: -1n,
    toId: BigInt(sample.tuples.length),
    seenFromId: -1n,
    now: Date.now,
  });
  const names = [ROW, ...sample.columns.map(({ name }) => name)];
  const rows = sample.tuples.map((tuple, at) => `${at},${tuple}`).join('),(');
  converter.write(Buffer.from(`${HEAD}${rows === '' ? '' : `${insertHead(table, names)}${rows});\n`}${TAIL}`));
  converter.end();
  const refused = new Map<string, ConvertedSample['refused'][number]>();
  for (const { reason, column } of converter.takeQuarantined()) {
    const known = refused.get(`${reason} ${column}`) ?? { reason, column, rows: 0 };
    known.rows += 1;
    refused.set(`${reason} ${column}`, known);
  }
  return { arrived: readPositionTuples(converter.takeFresh()), refused: [...refused.values()] };
}
