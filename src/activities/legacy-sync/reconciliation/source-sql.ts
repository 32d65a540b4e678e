import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import type { Statement } from '../legacy-host/plan-statements.ts';
import { addTo, type Bucket, type Buckets, type Day } from './buckets.ts';
import type { SourceRow } from './compare-rows.ts';
import type { SourceSql } from './compared-row.ts';
import { type AskedRange, bucketStatements, type DaySpan, rowStatements, SESSION } from './source-statements.ts';

/** A vehicle whose rows the legacy server hashes. */
export interface AskedVehicle {
  vehicle: Vehicle;
  above: string;
  upTo: string;
  /** As `positions` has them: the source will have about as many. */
  rows: number;
}

export interface SourceAccess {
  server: LegacyServer;
  row: SourceSql;
  days: DaySpan | null;
  /** Asks the host in one session, not faster than it may be asked. */
  ask(statements: Statement[], rows: number): Promise<string[][]>;
}

/** Rows of a statement: some hundredths of a second on the host. */
export const STEP_ROWS = 20_000;
/** Steps of a session: what is lost when the line breaks. */
export const STEPS_PER_SESSION = 20;

/** What the legacy server has of these vehicles, by day. */
export async function sourceBuckets(
  access: SourceAccess,
  vehicles: readonly AskedVehicle[],
): Promise<Map<string, Buckets>> {
  const found = new Map<string, Buckets>(vehicles.map(({ vehicle }) => [vehicle.id, new Map()]));
  await walk(access, vehicles, bucketStatements, (row) => {
    const [, vehicleId = ''] = row;
    addTo(found.get(vehicleId)!, ...bucketOf(row));
  });
  return found;
}

/** The rows of some days of a vehicle. */
export async function sourceRows(
  access: SourceAccess,
  asked: AskedVehicle,
  days: readonly Day[],
): Promise<SourceRow[]> {
  const found: SourceRow[] = [];
  const statements = (range: AskedRange): Statement[] => rowStatements(range, days);
  await walk(access, [asked], statements, ([, id = '', day = '', hash = '']) =>
    found.push({ id, day: dayOf(day), hash }),
  );
  return found;
}

/** A day and its bucket, as a statement has answered. */
export function bucketOf([, , day = '', rows = '0', minId = '0', maxId = '0', sum = '0']: string[]): [Day, Bucket] {
  const ids = { minId: BigInt(minId), maxId: BigInt(maxId) };
  return [dayOf(day), { rows: Number(rows), sum: BigInt(sum), ...ids }];
}

const dayOf = (text: string): Day => (text === 'NULL' ? null : Number(text));

interface Left extends AskedVehicle {
  steps: number;
}

/** Goes on until each vehicle has come to its last id: the source may have more rows than were thought. */
async function walk(
  access: SourceAccess,
  vehicles: readonly AskedVehicle[],
  statements: (range: AskedRange) => Statement[],
  take: (row: string[]) => void,
): Promise<void> {
  let left: Left[] = vehicles.map((asked) => ({ ...asked, steps: Math.ceil((asked.rows + 1) / STEP_ROWS) }));
  while (left.length > 0) {
    const session = firstOf(left);
    const { server, row, days } = access;
    const asked = session.flatMap((each) => statements({ ...each, server, row, days, stepRows: STEP_ROWS }));
    const rows = session.reduce((sum, each) => sum + Math.min(each.rows, each.steps * STEP_ROWS), 0);
    const reached = new Map<string, string>();
    for (const answer of await access.ask([SESSION, ...asked], rows)) {
      if (answer[0] === '#at') reached.set(answer[1]!, answer[2]!);
      else take(answer);
    }
    left = [...session.flatMap((each) => rest(each, reached)), ...left.slice(session.length)];
  }
}

/** As many of the first vehicles as one session takes. */
function firstOf(left: readonly Left[]): Left[] {
  const [first, ...others] = left;
  const session = [{ ...first!, steps: Math.min(first!.steps, STEPS_PER_SESSION) }];
  let steps = session[0]!.steps;
  for (const each of others) {
    if ((steps += each.steps) > STEPS_PER_SESSION) break;
    session.push(each);
  }
  return session;
}

function rest(each: Left, reached: ReadonlyMap<string, string>): Left[] {
  const above = reached.get(each.vehicle.id)!;
  if (BigInt(above) >= BigInt(each.upTo)) return [];
  const rows = Math.max(0, each.rows - each.steps * STEP_ROWS);
  return [{ ...each, above, rows, steps: Math.max(1, Math.ceil(rows / STEP_ROWS)) }];
}
