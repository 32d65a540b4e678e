import type { TableColumn } from '../../../records/legacy-tables.ts';
import { type ColumnMapping, ROW_KEY } from '../../../settings/column-mapping.ts';
import { IDENTIFIER, name } from '../../../settings/mysql-identifier.ts';
import { rowKey } from './row-key.ts';

const NUMBERS = /^(tinyint|smallint|mediumint|int|bigint|decimal|double|year)$/;
const BYTES = /binary|blob|geometry|geomcollection|point|linestring|polygon|vector/;

/** What a session has to be set to, so that values are written as a dump writes them, whatever the server's own defaults are. */
export const ROW_SESSION = "SET SESSION time_zone='+00:00', sql_mode=''";

/**
 * SQL for a column's value as mysqldump would write it in an INSERT. A FLOAT is widened to a double first, because MySQL prints only six digits
 * of it otherwise. Texts are brought to one character set before they are joined: two sets in one CONCAT are an error.
 */
function literal({ name: column, dataType, columnType }: TableColumn): string {
  const value = name(column);
  if (NUMBERS.test(dataType)) return `IFNULL(${value},'NULL')`;
  if (dataType === 'float') return `IFNULL(${value}+0e0,'NULL')`;
  if (dataType === 'bit') {
    const digits = 2 * Math.ceil(Number(/\d+/.exec(columnType)?.[0] ?? 1) / 8);
    return `IFNULL(CONCAT('0x',LPAD(HEX(${value}),${digits},'0')),'NULL')`;
  }
  if (BYTES.test(dataType)) return `IFNULL(IF(LENGTH(${value})=0,'''''',CONCAT('0x',HEX(${value}))),'NULL')`;
  return `QUOTE(CONVERT(${value} USING utf8mb4))`;
}

/** Columns whose names we are ready to write; a table may have others, and a mapping cannot name them. */
export const selectable = (columns: readonly TableColumn[]): TableColumn[] =>
  columns.filter((column) => IDENTIFIER.test(column.name));

/** SQL for a whole row: `1,'2025-06-01 12:00:00',62.0339`. */
export const rowLiteral = (columns: readonly TableColumn[]): string => `CONCAT(${columns.map(literal).join(",',',")})`;

/** ``INSERT INTO `gps` (`id`, `lat`) VALUES (``, up to the first row. */
export const insertHead = (table: string, columns: readonly string[]): string =>
  `INSERT INTO ${name(table)} (${columns.map(name).join(', ')}) VALUES (`;

/**
 * Statements that write a table's rows as mysqldump frames them, the rows' condition between `before` and `after`. The frame says what the session
 * has, so that the same proof holds: a server that overrides our character set is found out. The last lines come only after all rows.
 */
export function selectDump(
  table: string,
  columns: readonly TableColumn[],
  id: ColumnMapping['id'],
): { before: string; after: string } {
  const chosen = selectable(columns);
  const made = typeof id === 'string' ? null : rowKey({ id }).sql;
  const head = insertHead(table, [...(made === null ? [] : [ROW_KEY]), ...chosen.map((column) => column.name)]);
  return {
    before: [
      ROW_SESSION,
      "SELECT CONCAT('/*!40101 SET NAMES ',@@character_set_results,' */;')",
      "SELECT CONCAT('/*!40103 SET TIME_ZONE=''',@@time_zone,''' */;')",
      "SELECT '/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES */;'",
      `SELECT CONCAT('${head}',${made === null ? '' : `${made},',',`}${rowLiteral(chosen)},');') FROM ${name(table)} WHERE `,
    ].join('; '),
    after: "; SELECT '/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;'; SELECT '/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;'",
  };
}
