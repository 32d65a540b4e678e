import type { TableColumn } from '../../../records/legacy-tables.ts';
import type { ValuePolicy } from '../../../settings/legacy-server.ts';
import { name } from '../../../settings/mysql-identifier.ts';
import type { RowReader } from '../legacy-host/choose-reader.ts';
import { sourceDigits, sourceNumber, targetDigits } from './compared-numbers.ts';

const WHOLE = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'year'];
const BYTES = ['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'];
const TEXTS = ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum', 'set', 'time'];

/** SQL of an attribute's text on both sides; `key` is its name as a literal of PostgreSQL. null: MySQL cannot say it as an import does. */
export function comparedAttribute(
  column: TableColumn,
  key: string,
  { values, reader }: { values: ValuePolicy; reader: RowReader['kind'] },
): { source: string; target: string } | null {
  const text = `attributes ->> ${key}`;
  if (column.dataType === 'double' || column.dataType === 'float') {
    const number = `(${text})::float8`;
    return { source: sourceDigits(sourceNumber(column.name, column, { reader })!), target: targetDigits(number) };
  }
  const source = attributeText(column, values);
  return source === null ? null : { source, target: text };
}

function attributeText(column: TableColumn, values: ValuePolicy): string | null {
  const { dataType } = column;
  const value = name(column.name);
  const dated = (shown: string): string => `IF(LEFT(${value}, 10) = '0000-00-00', NULL, ${shown})`;
  if (WHOLE.includes(dataType) || dataType === 'bit') return `CONCAT(${value} + 0)`;
  if (dataType === 'decimal') return `CONCAT(${value})`;
  if (dataType === 'timestamp') return dated(`CONCAT(${value}, 'Z')`);
  if (dataType === 'datetime' || dataType === 'date') return dated(`CONCAT(${value})`);
  if (BYTES.includes(dataType)) return `CONCAT('\\\\x', LOWER(HEX(${value})))`;
  if (!TEXTS.includes(dataType) || values.mendDoubleEncoding) return null;
  const text = `CONVERT(${value} USING utf8mb4)`;
  return values.nulInText === 'strip' && dataType !== 'time' ? `REPLACE(${text}, CHAR(0 USING utf8mb4), '')` : text;
}
