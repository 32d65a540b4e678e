import { userInfo } from 'node:os';
import { Command } from 'commander';
import { describeReconciliation, type FleetScheduleState, FleetSchedules } from '../../client/fleet-schedules.ts';
import { describeSelection } from '../../client/worker-pool-manager.ts';
import { type AuditAction, recordAct } from '../../records/audit-log.ts';
import { duration } from '../figures.ts';
import { parseCount, parseDuration } from '../parse-number.ts';
import { plainTable } from '../run-table.ts';
import { withSession } from '../session.ts';
import { selectionOf, type SyncOptions, syncOf, withSyncOptions } from '../sync-options.ts';

interface PutOptions extends SyncOptions {
  cron?: string;
  every?: number;
  timeZone: string;
  jitter: number;
  catchUp: number;
  reason?: string;
  reconcile: boolean;
  lastDays?: number;
  repair: boolean;
}

const DEFAULT_CATCH_UP_MS = 3_600_000;
const REASON = ['--reason <text>', 'why, for the audit log and Temporal'] as const;

export const schedulesCommand = (): Command => {
  const command = new Command('schedules').description(
    'when fleet syncs and reconciliations start by themselves; `temporal schedule` shows the same',
  );
  command.command('list').description('every schedule with its next five times').action(list);
  withSyncOptions(command.command('put'))
    .description('add a schedule, or change the one of this name')
    .argument('<name>', 'lower-case letters, digits and dashes')
    .option('--cron <fields>', 'five fields as of crontab, such as "30 3 * * *"')
    .option('--every <time>', 'an interval instead, such as 15m, 6h or 1d', parseDuration)
    .option('--time-zone <name>', 'IANA zone of cron', 'UTC')
    .option('--jitter <time>', 'each start is later by a random time up to this', parseDuration, 0)
    .option('--catch-up <time>', 'what Temporal missed is made up for within this', parseDuration, DEFAULT_CATCH_UP_MS)
    .option('--reconcile', 'compare with the source instead of syncing', false)
    .option('--last-days <n>', 'with --reconcile: so many days before each start, not all there are', parseCount)
    .option('--repair', 'with --reconcile: bring what differs in line at once', false)
    .option(...REASON)
    .action(put);
  for (const [name, description, act] of [
    ['pause', 'start nothing until it is resumed; a run that goes on is left alone', pause],
    ['resume', 'start at its times again', resume],
    ['delete', 'remove it; a run that goes on is left alone', remove],
  ] as const) {
    command
      .command(name)
      .description(description)
      .argument('<name>')
      .requiredOption(...REASON)
      .action(act);
  }
  return command;
};

async function list(): Promise<void> {
  const schedules = await withSession(async ({ temporal }) => new FleetSchedules((await temporal()).client).list());
  if (schedules.length === 0) {
    console.log('There is no schedule. `fleetgraph schedules put` adds one.');
    return;
  }
  const rows = schedules.map((schedule) => [
    schedule.name,
    whenOf(schedule),
    whatOf(schedule),
    schedule.paused ? `paused: ${schedule.note ?? ''}` : timesOf(schedule),
    String(schedule.started),
    String(schedule.skipped),
  ]);
  console.log(plainTable(['name', 'when', 'what', 'next', 'started', 'skipped'], rows, 4));
}

async function put(
  name: string,
  { cron, every, timeZone, jitter, catchUp, reason, reconcile, lastDays = 0, repair, ...sync }: PutOptions,
): Promise<void> {
  const compared = { selection: selectionOf(sync), lastDays: lastDays === 0 ? null : lastDays, repair };
  const schedule = {
    name,
    cron: cron ?? null,
    everyMs: every ?? null,
    timeZone,
    jitterMs: jitter,
    catchUpMs: catchUp,
    ...(reconcile ? { sync: null, reconcile: compared } : { sync: syncOf(sync), reconcile: null }),
  };
  const stored = await audited('schedule.changed', name, { reason, details: { schedule } }, (schedules) =>
    schedules.put(schedule),
  );
  console.log(`${name}: ${whenOf(stored)}; ${stored.paused ? 'paused' : `next ${timesOf(stored)}`}`);
}

async function pause(name: string, { reason }: { reason: string }): Promise<void> {
  await audited('schedule.paused', name, { reason }, (schedules) => schedules.pause(name, noteOf(reason)));
  console.log(`${name} is paused`);
}

async function resume(name: string, { reason }: { reason: string }): Promise<void> {
  await audited('schedule.resumed', name, { reason }, (schedules) => schedules.resume(name, noteOf(reason)));
  console.log(`${name} is resumed`);
}

async function remove(name: string, { reason }: { reason: string }): Promise<void> {
  await audited('schedule.deleted', name, { reason }, (schedules) => schedules.delete(name));
  console.log(`${name} is deleted`);
}

/** An act that cannot be recorded does not happen. */
function audited<T>(
  action: AuditAction,
  name: string,
  { reason, details }: { reason: string | undefined; details?: Record<string, unknown> },
  act: (schedules: FleetSchedules) => Promise<T>,
): Promise<T> {
  return withSession(async ({ postgres, temporal }) => {
    const { client } = await temporal();
    const what = { actor: userInfo().username, action, subject: name, reason };
    await recordAct(postgres, details === undefined ? what : { ...what, details });
    return act(new FleetSchedules(client));
  });
}

const noteOf = (reason: string): string => `${userInfo().username}: ${reason}`;

const whatOf = ({ sync, reconcile }: FleetScheduleState): string =>
  reconcile === null
    ? `${describeSelection(sync!)}, ${sync!.mode ?? 'delta'}`
    : `reconcile ${describeReconciliation(reconcile)}`;

function whenOf({ cron, everyMs, timeZone }: FleetScheduleState): string {
  return cron === null ? `every ${duration(everyMs ?? 0)}` : `${cron} (${timeZone})`;
}

const timesOf = ({ nextTimes }: FleetScheduleState): string =>
  nextTimes.map((time) => time.toISOString().slice(0, 16)).join(' ') || 'never';
