import type { OdataDialect } from '../../../connections/odata/odata-dialect.ts';
import type { OdataRow } from '../../../connections/odata/odata-page.ts';
import type { SourceSet } from '../../../settings/odata-mapping.ts';

/** Deleted objects, folders of a catalogue and documents not yet posted are in 1C's sets beside the real rows. */
const ONE_C_MARKS = { DeletionMark: true, IsFolder: true, Posted: false };

/** Whether a row of the source is none of ours: 1C's own marks, and those that the mapping names. */
export function isIgnored(row: OdataRow, { ignoreWhen }: SourceSet, dialect: OdataDialect): boolean {
  const marks = dialect === '1c' ? { ...ONE_C_MARKS, ...ignoreWhen } : ignoreWhen;
  return Object.entries(marks).some(([name, value]) => row[name] === value);
}
