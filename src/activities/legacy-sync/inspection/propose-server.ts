import { clockShift } from '../../../legacy-inspection/clock-shift.ts';
import { columnNamed } from '../../../legacy-inspection/described-table.ts';
import { coordinateLoss } from '../../../legacy-inspection/coordinate-loss.ts';
import { refineMapping } from '../../../legacy-inspection/refine-mapping.ts';
import type { SampledFix } from '../../../legacy-inspection/sampled-fix.ts';
import { type ColumnMapping, columnMappingSchema } from '../../../settings/column-mapping.ts';
import { name } from '../../../settings/mysql-identifier.ts';
import type { LegacyServerInput } from '../../../records/legacy-servers.ts';
import { rowKey } from '../legacy-host/row-key.ts';
import { type ConvertedSample, convertSample } from './convert-sample.ts';
import type { DescribedServer } from './describe-server.ts';
import type { Candidate, Inspection, InspectionRequest } from './inspection.ts';
import type { PositionTuple } from '../dump/read-position-tuples.ts';
import { SMALL_TABLE_ROWS } from '../legacy-host/table-description.ts';
import { type Ask, explainQuery } from './query-cost.ts';
import { sampleRows, type TableSample } from './sample-rows.ts';

type Proposal = Omit<NonNullable<Inspection['proposal']>, 'tables'> & { sampled: number };

interface Proposing extends Candidate {
  request: InspectionRequest;
  described: DescribedServer;
  hostTimeZone: string | null;
}

/** Reads a sample of a group's largest table, and makes of it a server that `servers put` takes. */
export async function proposeServer(ask: Ask, proposing: Proposing): Promise<Proposal> {
  const { proposal } = proposing;
  const sample = await sampleRows(ask, proposal);
  const { columns, told, unsure } = refineMapping(proposal, sample.rows);
  if (sample.unread !== undefined) unsure.unshift(sample.unread);
  const lost = [columns.latitude, columns.longitude].flatMap(
    (source) => (source === undefined ? null : coordinateLoss(proposal.example, source)) ?? [],
  );
  const hurts = [...proposal.hurts, ...lost, ...(await viewHurts(ask, proposing))];
  const result: Proposal = { sampled: sample.rows.length, server: null, rows: [], told, unsure, hurts };
  const scope = scopeOf(proposal, sample, result);
  const { time, latitude, longitude } = columns;
  if (time === undefined || latitude === undefined || longitude === undefined) return result;
  const mapping = { ...columns, ...(scope === undefined ? {} : { scope }), time, latitude, longitude };
  const reading = { table: proposal.example.name, sample, mapping };
  const { timeZone, converted } = zoned(proposing, reading, result);
  const values = refusedOf(converted, sample, result);
  result.rows = shown(converted.arrived);
  const complete = columnMappingSchema.safeParse(mapping);
  if (complete.success) result.server = serverOf(proposing, { timeZone, columns: complete.data, values });
  return result;
}

/** In OpenGTS a device is one of an account: a server of ours is one account, the one that most rows read are of. */
function scopeOf(
  { system }: Candidate['proposal'],
  { rows }: TableSample,
  { told, hurts }: Pick<Proposal, 'told' | 'hurts'>,
): Record<string, string> | undefined {
  if (system !== 'opengts') return undefined;
  const accounts = new Map<string, number>();
  for (const row of rows) {
    const account = row.get('accountid') ?? '';
    accounts.set(account, (accounts.get(account) ?? 0) + 1);
  }
  const [first, ...others] = [...accounts].sort((a, b) => b[1] - a[1]).map(([account]) => account);
  if (first === undefined) return undefined;
  told.push(`rows of account ${first} are read`);
  if (others.length > 0)
    hurts.push(
      `there are rows of ${others.slice(0, 5).join(', ')} as well: each account is a server of its own, with its own scope.accountID`,
    );
  return { accountID: first };
}

/** What a sync of a view would cost, as far as the server tells. */
async function viewHurts(ask: Ask, { proposal, request }: Proposing): Promise<string[]> {
  const { example: view, columns } = proposal;
  if (!view.isView || columns.id === undefined) return [];
  const key = rowKey({ id: columns.id });
  const own = columns.vehicle === undefined ? '' : `${name(columns.vehicle)} = '1' AND `;
  const access = await explainQuery(ask, `SELECT ${key.sql} FROM ${name(view.name)} WHERE ${own}${key.above('1')}`);
  if (access === null)
    return [
      `${request.server.mysqlUser} may not EXPLAIN ${view.name}, and without it no sync begins: GRANT SHOW VIEW on it, and SELECT on what is behind it`,
    ];
  const scans = access.type === 'ALL' && access.rows > SMALL_TABLE_ROWS;
  return scans
    ? [`each sync of a vehicle would read ${access.rows} rows behind ${view.name}: no index serves it there`]
    : [];
}

interface Reading {
  table: string;
  sample: TableSample;
  mapping: Parameters<typeof convertSample>[2]['mapping'];
}

/** Chooses the zone, reads the sample in it, and corrects the zone where the times of receipt say another one and nobody named it. */
function zoned(
  { request, described, hostTimeZone, proposal }: Proposing,
  { table, sample, mapping }: Reading,
  { told, unsure }: Pick<Proposal, 'told' | 'unsure'>,
): { timeZone: string; converted: ConvertedSample } {
  const chosen = chooseZone(request, described, hostTimeZone);
  const read = (timeZone: string) => convertSample(table, sample, { mapping, timeZone });
  const converted = read(chosen.timeZone);
  const local = isLocal(mapping.time, (column) => columnNamed(proposal.example, column)?.dataType);
  const { aheadSeconds, why } = clockShift(fixesOf(converted.arrived, sample, mapping.vehicle));
  if (local) told.push(`times are read as local ones of ${chosen.timeZone}: ${chosen.why}`);
  if (aheadSeconds === null || aheadSeconds === 0 || !local) {
    if (aheadSeconds === 0) told.push(why);
    else if (aheadSeconds !== null) unsure.push(`${why}: the clock of the trackers or that of the server is wrong`);
    return { timeZone: chosen.timeZone, converted };
  }
  const hours = (offsetSeconds(chosen.timeZone) + aheadSeconds) / 3600;
  const receivedLocal = isLocal(mapping.receivedAt, (column) => columnNamed(proposal.example, column)?.dataType);
  if (request.timeZone !== undefined || receivedLocal || !Number.isInteger(hours)) {
    unsure.push(`${why} when they are read as local ones of ${chosen.timeZone}: timeZone may be another one`);
    return { timeZone: chosen.timeZone, converted };
  }
  // IANA's Etc zones count westwards.
  const timeZone = hours === 0 ? 'UTC' : `Etc/GMT${hours > 0 ? '-' : '+'}${Math.abs(hours)}`;
  unsure.push(
    `${why} in ${chosen.timeZone}, and agree with them in ${timeZone}, which knows no summer time: name the town's zone by --time-zone`,
  );
  return { timeZone, converted: read(timeZone) };
}

function chooseZone(
  { timeZone }: InspectionRequest,
  { clockAheadSeconds }: DescribedServer,
  hostTimeZone: string | null,
): { timeZone: string; why: string } {
  if (timeZone !== undefined) return { timeZone, why: 'it was named' };
  if (hostTimeZone !== null)
    return { timeZone: hostTimeZone, why: 'it is that of the host; --time-zone names another' };
  const hours = Math.round(clockAheadSeconds / 3600);
  const zone = hours === 0 ? 'UTC' : `Etc/GMT${hours > 0 ? '-' : '+'}${Math.abs(hours)}`;
  return { timeZone: zone, why: 'MySQL’s clock shows it, without a summer time; --time-zone names the town’s' };
}

/** Seconds that a zone's clocks are ahead of UTC now. */
function offsetSeconds(timeZone: string): number {
  const now = new Date();
  const parts = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' }).formatToParts(now);
  const found = /([+-])(\d\d):(\d\d)/.exec(parts.find(({ type }) => type === 'timeZoneName')?.value ?? '');
  if (found === null) return 0;
  return (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 3600 + Number(found[3]) * 60);
}

/** Whether a time is one of the server's zone: all but a TIMESTAMP, seconds since 1970, and texts with an offset. */
function isLocal(source: ColumnMapping['receivedAt'], typeOf: (column: string) => string | undefined): boolean {
  if (source === undefined) return false;
  if (typeof source === 'string') return typeOf(source) !== 'timestamp';
  return !('column' in source) || !/^(unix|iso)|Z/.test(source.format);
}

function fixesOf(arrived: readonly PositionTuple[], { rows }: TableSample, vehicle: string | undefined): SampledFix[] {
  return arrived.map(({ at, seconds, latitude, longitude, speedKmh, headingDeg, receivedSeconds }) => ({
    vehicle: vehicle === undefined ? '' : (rows[at]?.get(vehicle.toLowerCase()) ?? ''),
    seconds,
    latitude,
    longitude,
    speed: speedKmh,
    heading: headingDeg,
    receivedSeconds,
  }));
}

/** Above this a sync would fail by legacy_sync.quarantine.max_percent, or soon after. */
const MANY_PERCENT = 0.5;
const WITHOUT_FIX = /^(MissingCoordinate|NullIsland)$/;

/** Says what would go to quarantine, and proposes the limit that rows without a fix need. */
function refusedOf(
  { refused }: ConvertedSample,
  { rows }: TableSample,
  { hurts }: Pick<Proposal, 'hurts'>,
): LegacyServerInput['values'] {
  let withoutFix = 0;
  for (const { reason, column, rows: count } of refused) {
    const percent = (100 * count) / rows.length;
    hurts.push(
      `${percent.toFixed(1)} % of the rows read would go to quarantine: ${reason}${column === null ? '' : ` in ${column}`}`,
    );
    if (WITHOUT_FIX.test(reason)) withoutFix += percent;
  }
  if (withoutFix < MANY_PERCENT) return undefined;
  return { withoutFixMaxPercent: Math.min(100, Math.ceil(withoutFix * 1.5) + 5) };
}

const ROWS_SHOWN = 5;

function shown(arrived: readonly PositionTuple[]): Record<string, unknown>[] {
  const moving = arrived.filter(({ speedKmh }) => speedKmh !== null && speedKmh > 0);
  return (moving.length >= ROWS_SHOWN ? moving : arrived)
    .slice(0, ROWS_SHOWN)
    .map(({ at: _at, seconds, receivedSeconds, flags: _flags, ...row }) => ({
      time: isoTime(seconds),
      ...row,
      receivedAt: receivedSeconds === null ? null : isoTime(receivedSeconds),
    }));
}

const isoTime = (seconds: number): string => new Date(seconds * 1000).toISOString();

function serverOf(
  { request, database }: Proposing,
  { timeZone, columns, values }: Pick<LegacyServerInput, 'timeZone' | 'columns' | 'values'>,
): LegacyServerInput {
  return { ...request.server, database, timeZone, columns, ...(values === undefined ? {} : { values }) };
}
