import type { OdataDialect } from '../../../connections/odata/odata-dialect.ts';
import type { OdataRow } from '../../../connections/odata/odata-page.ts';
import type { SourceSet } from '../../../settings/odata-mapping.ts';

/** 1C's sets hold deleted objects, folders of a catalogue and documents that are not yet posted beside the real rows. */
const ONE_C_MARKS = { DeletionMark: true, IsFolder: true, Posted: false };

/** Says which rows of a set the sync leaves out: 1C marks them as no real rows, or the mapping says to ignore them. */
export function ignoredRows({ ignoreWhen }: SourceSet, dialect: OdataDialect): (row: OdataRow) => boolean {
  const marks = Object.entries(dialect === '1c' ? { ...ONE_C_MARKS, ...ignoreWhen } : ignoreWhen);
  return (row) => marks.some(([name, value]) => row[name] === value);
}
