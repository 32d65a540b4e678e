import { z } from 'zod';
import { count, milliseconds, setting } from './setting-kinds.ts';

/** How a legacy server is planned and dumped. */
export const EXPORT_SETTINGS = {
  rangeRows: setting(
    'export.range_rows',
    count,
    200_000,
    'Rows per range: what one transaction imports, and what a crash repeats.',
  ),
  exportUnit: setting(
    'export.unit',
    z.enum(['vehicle', 'table', 'auto']),
    'auto',
    'vehicle: each vehicle is read by itself; table: vehicles that share a table are read together, in slices of it; auto: whichever costs less.',
  ),
  tableMinVehicles: setting(
    'export.table_min_vehicles',
    count,
    100,
    'auto reads fewer vehicles of a table one by one.',
  ),
  reader: setting(
    'export.reader',
    z.enum(['auto', 'mysqldump', 'select']),
    'auto',
    'auto: mysqldump, and a SELECT where mysqldump writes nothing (views, MERGE, FEDERATED) or rounds what matters (a FLOAT that is no speed, course or altitude); both are proved alike.',
  ),
  planCountCap: setting(
    'export.plan_count_cap',
    count,
    1_000_000,
    'Planning counts a vehicle’s new rows up to this many.',
  ),
  planPatienceMs: setting(
    'export.plan_patience_ms',
    z.number().int().nonnegative(),
    15_000,
    'How long planning asks a legacy server again that is away or has no connection left, before its vehicles fail.',
  ),
  overlapIds: setting(
    'export.overlap_ids',
    z.number().int().nonnegative(),
    5_000,
    'Ids at and below the watermark that every delta reads again, for transactions that committed late.',
  ),
  overlapSeconds: setting(
    'export.overlap_seconds',
    z.number().int().min(86_400).max(31_536_000),
    172_800,
    'The same where rows are followed by their time: how late a fix may come. Later ones are found by a full sync only.',
  ),
  exportTimeoutMs: setting(
    'export.timeout_ms',
    milliseconds,
    900_000,
    'The legacy host ends a dump that takes longer.',
  ),
  niceness: setting(
    'export.niceness',
    z.number().int().min(0).max(19),
    19,
    'nice level of everything we run on the legacy host.',
  ),
  compression: setting(
    'export.compression',
    z.enum(['auto', 'zstd', 'gzip', 'lz4', 'none']),
    'auto',
    'auto: what brings a dump here in the shortest time, by the speed of the line and by what both hosts have.',
  ),
  minFreeBytes: setting(
    'export.min_free_bytes',
    z.number().int().nonnegative(),
    104_857_600,
    'Free disk space that an export leaves on the legacy host, and a transfer on the worker.',
  ),
} as const;
