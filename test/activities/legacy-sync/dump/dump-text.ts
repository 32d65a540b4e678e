import {
  type ConverterOptions,
  createDumpConverter,
} from '../../../../src/activities/legacy-sync/dump/dump-converter.ts';
import type { ConverterSummary } from '../../../../src/activities/legacy-sync/dump/row-intake.ts';
import type { RefusedRow } from '../../../../src/records/quarantine.ts';
import type { TableColumn } from '../../../../src/records/legacy-tables.ts';
import { type ValuePolicy, valuePolicySchema } from '../../../../src/settings/legacy-server.ts';
import { readTuples, type Tuple } from './read-tuples.ts';

export const HEAD = `/*M!999999\\- enable the sandbox mode */ 
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: 127.0.0.1    Database: gps
-- ------------------------------------------------------
-- Server version\t10.11.19-MariaDB-0+deb12u1

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

--
-- Dumping data for table \`fixes\`
--
-- WHERE:  vehicle_id = 7 AND id > 0

`;
export const TAIL = `/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2026-01-01  0:00:00
`;
export const TRAILER = '-- fleetgraph rc=0\n';

/** The columns every dump here begins with; `extra` ones are attributes of the same name. */
const BASE: [string, string][] = [
  ['id', 'bigint'],
  ['vehicle_id', 'int'],
  ['t', 'datetime'],
  ['lat', 'double'],
  ['lon', 'double'],
];
const BASE_VALUES: Record<string, string> = {
  vehicle_id: '7',
  t: "'2025-06-01 12:00:00'",
  lat: '62.0339',
  lon: '129.7331',
};

export type Row = Record<string, string>;

export interface DumpShape {
  extra?: [name: string, dataType: string][];
  /** MariaDB writes a row per line, Oracle's mysqldump all of them on one. */
  oneLine?: boolean;
}

/** A dump of rows given as SQL literals; what a row does not say is filled in. */
export function dumpText(rows: readonly Row[], { extra = [], oneLine = false }: DumpShape = {}): string {
  const names = [...BASE, ...extra].map(([name]) => name);
  const literals = rows.map((row, index) => {
    const values = { id: String(index + 1), ...BASE_VALUES, ...row } as Row;
    return `(${names.map((name) => values[name] ?? 'NULL').join(',')})`;
  });
  const insert = `INSERT INTO \`fixes\` (${names.map((name) => `\`${name}\``).join(', ')}) VALUES `;
  return HEAD + (rows.length > 0 ? `${insert}${literals.join(oneLine ? ',' : ',\n')};\n` : '') + TAIL + TRAILER;
}

export function optionsFor(
  extra: [string, string][] = [],
  values: Partial<ValuePolicy> = {},
  over: Partial<ConverterOptions> = {},
): ConverterOptions {
  return {
    table: 'fixes',
    tableColumns: [...BASE, ...extra].map(([name, dataType]): TableColumn => {
      return { name, dataType, columnType: dataType, nullable: name !== 'id' };
    }),
    vehicleId: '7',
    legacyVehicleId: '7',
    columns: {
      id: 'id',
      vehicle: 'vehicle_id',
      time: 't',
      latitude: 'lat',
      longitude: 'lon',
      attributes: Object.fromEntries(extra.map(([name]) => [name, name])),
    },
    values: valuePolicySchema.parse(values),
    timeZone: 'UTC',
    fromId: 1n,
    watermark: 0n,
    seenFromId: 0n,
    toId: 2n ** 63n - 1n,
    now: () => Date.UTC(2026, 0, 1),
    ...over,
  };
}

export interface Conversion {
  fresh: Tuple[];
  overlap: Tuple[];
  quarantined: RefusedRow[];
  summary: ConverterSummary;
}

/** Pushes the whole dump through, cut where `cuts` says. */
export function convert(dump: string | Buffer, options: ConverterOptions, cuts: readonly number[] = []): Conversion {
  const bytes = Buffer.from(dump as string);
  const converter = createDumpConverter(options);
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    converter.write(bytes.subarray(from, cut));
    from = cut;
  }
  const summary = converter.end();
  return {
    summary,
    fresh: readTuples(converter.takeFresh()),
    overlap: readTuples(converter.takeOverlap()),
    quarantined: converter.takeQuarantined(),
  };
}
