import {
  type Client,
  type ScheduleDescription,
  type ScheduleHandle,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleOptions,
} from '@temporalio/client';
import { Failure } from '../errors.ts';
import { isTimeZone } from '../settings/time-zone.ts';
import {
  type FleetSyncInput,
  LEGACY_SYNC_TASK_QUEUE,
  type ScheduledFleetSyncInput,
  type ScheduledReconciliationInput,
  fleetScheduleId,
  fleetScheduleName,
  fleetSyncWorkflowId,
  requestedBySchedule,
} from '../workflows/legacy-sync/messages.ts';
import { describeSelection, scopeOf } from './worker-pool-manager.ts';

/** When a schedule starts a fleet sync or a reconciliation, and of which vehicles. */
export interface FleetSchedule {
  name: string;
  /** Five fields, as of crontab. A schedule has this or `everyMs`. */
  cron: string | null;
  everyMs: number | null;
  /** IANA name; the zone of `cron`. */
  timeZone: string;
  /** Each start is later by a random time up to this. */
  jitterMs: number;
  /** What was missed while Temporal was down is made up for within this time. */
  catchUpMs: number;
  /** A schedule has this or `reconcile`. */
  sync: Pick<FleetSyncInput, 'selection' | 'mode' | 'maxWorkers'> | null;
  reconcile: ScheduledReconciliation | null;
}

/** What is compared, and whether what differs is brought in line at once. */
export type ScheduledReconciliation = Pick<ScheduledReconciliationInput, 'selection' | 'lastDays'> & {
  repair: boolean;
};

export interface FleetScheduleState extends FleetSchedule {
  paused: boolean;
  /** Who paused or resumed it, and why. */
  note: string | null;
  /** The next five; none while it is paused. */
  nextTimes: Date[];
  started: number;
  /** Not started, because the run before was going on. */
  skipped: number;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** Numbers, names, steps, ranges and lists; no zone and no comment, which have places of their own. */
const CRON = /^[0-9A-Za-z*,/?-]+( [0-9A-Za-z*,/?-]+){4}$/;
const SHORTEST_MS = 60_000;
const NEXT_TIMES = 5;

/** Schedules of fleet syncs and of reconciliations. Temporal holds them: `temporal schedule` shows and changes the same ones. */
export class FleetSchedules {
  readonly #temporal: Client;

  constructor(temporal: Client) {
    this.#temporal = temporal;
  }

  async list(): Promise<FleetScheduleState[]> {
    const names: string[] = [];
    for await (const { scheduleId } of this.#temporal.schedule.list()) {
      const name = fleetScheduleName(scheduleId);
      if (name !== null) names.push(name);
    }
    const found = await Promise.all(names.sort().map((name) => this.find(name)));
    // One that is deleted meanwhile is listed for a moment longer.
    return found.filter((schedule) => schedule !== null);
  }

  async find(name: string): Promise<FleetScheduleState | null> {
    try {
      return stateOf(name, await this.#handle(name).describe());
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) return null;
      throw error;
    }
  }

  /** Adds the schedule, or changes the one of this name, which stays paused if it is. @throws Failure `InvalidSetting` */
  async put(schedule: FleetSchedule): Promise<FleetScheduleState> {
    check(schedule);
    const options = optionsOf(schedule);
    try {
      await this.#temporal.schedule.create(options).catch(async (error: unknown) => {
        if (!(error instanceof ScheduleAlreadyRunning)) throw error;
        await this.#handle(schedule.name).update(({ state }) => ({ ...options, state }));
      });
    } catch (error) {
      // What Temporal's client makes of times that the server refuses.
      if (!(error instanceof TypeError)) throw error;
      throw refusal(schedule.name, `Temporal refuses its times: ${error.message}`, { cause: error });
    }
    return stateOf(schedule.name, await this.#handle(schedule.name).describe());
  }

  /** @throws Failure `InvalidSelection` when there is no such schedule; so do the others below */
  pause(name: string, note: string): Promise<void> {
    return this.#change(name, (handle) => handle.pause(note));
  }

  resume(name: string, note: string): Promise<void> {
    return this.#change(name, (handle) => handle.unpause(note));
  }

  /** A run that it has started goes on. */
  delete(name: string): Promise<void> {
    return this.#change(name, (handle) => handle.delete());
  }

  #handle(name: string) {
    return this.#temporal.schedule.getHandle(fleetScheduleId(name));
  }

  async #change(name: string, change: (handle: ScheduleHandle) => Promise<void>): Promise<void> {
    try {
      await change(this.#handle(name));
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      throw new Failure(
        'InvalidSelection',
        `There is no schedule ${name}. \`fleetgraph schedules list\` shows those there are.`,
        { cause: error },
      );
    }
  }
}

function check({ name, cron, everyMs, timeZone, jitterMs, catchUpMs, sync, reconcile }: FleetSchedule): void {
  if ((sync === null) === (reconcile === null)) throw refusal(name, 'it starts either a sync or a reconciliation');
  if (!NAME.test(name)) throw refusal(name, 'a name has lower-case letters, digits and dashes, 63 at the most');
  if ((cron === null) === (everyMs === null)) throw refusal(name, 'it needs either cron or an interval');
  if (cron !== null && !CRON.test(cron)) {
    throw refusal(name, `cron must have five fields, such as "30 3 * * *", not "${cron}"`);
  }
  if (everyMs !== null && !(Number.isInteger(everyMs) && everyMs >= SHORTEST_MS && everyMs % 1_000 === 0)) {
    throw refusal(name, `the interval must be whole seconds and at least ${SHORTEST_MS / 1_000} of them`);
  }
  if (!isTimeZone(timeZone)) throw refusal(name, `${timeZone} is no time zone, such as Asia/Yakutsk`);
  for (const [what, value] of Object.entries({ jitter: jitterMs, 'catch-up time': catchUpMs })) {
    if (!Number.isInteger(value) || value < 0)
      throw refusal(name, `the ${what} must be whole milliseconds, not below 0`);
  }
}

function refusal(name: string, found: string, cause?: ErrorOptions): Failure {
  return new Failure('InvalidSetting', `Scheduling "${name}": ${found}. Nothing was changed.`, cause);
}

function optionsOf(schedule: FleetSchedule): ScheduleOptions {
  const { name, cron, everyMs, timeZone, jitterMs, catchUpMs } = schedule;
  return {
    scheduleId: fleetScheduleId(name),
    spec: {
      // Temporal keeps what cron means and not the text. The comment keeps it, for people who read the schedule, too.
      ...(cron === null ? { intervals: [{ every: everyMs! }] } : { cronExpressions: [`${cron} # ${cron}`] }),
      timezone: timeZone,
      jitter: jitterMs,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: catchUpMs },
    action: { type: 'startWorkflow', taskQueue: LEGACY_SYNC_TASK_QUEUE, ...startedBy(schedule) },
  };
}

function startedBy({ name, sync, reconcile }: FleetSchedule) {
  const requestedBy = requestedBySchedule(name);
  if (reconcile !== null) {
    const input: ScheduledReconciliationInput = { ...reconcile, requestedBy };
    return {
      workflowType: SCHEDULED_RECONCILIATION,
      workflowId: `scheduled-reconciliation/${name}`,
      staticSummary: `scheduled reconciliation: ${describeReconciliation(reconcile)}`,
      args: [input],
    };
  }
  const input: ScheduledFleetSyncInput = {
    fleetWorkflowId: fleetSyncWorkflowId(scopeOf(sync!)),
    sync: { ...sync!, requestedBy },
  };
  return {
    workflowType: 'scheduledFleetSync',
    workflowId: `scheduled-fleet-sync/${name}`,
    staticSummary: `scheduled fleet sync of ${describeSelection(sync!)}`,
    args: [input],
  };
}

const SCHEDULED_RECONCILIATION = 'scheduledReconciliation';

/** "all vehicles, the last 7 days, with repair" */
export function describeReconciliation({ selection, lastDays, repair }: ScheduledReconciliation): string {
  const days = lastDays === null ? 'all days' : `the last ${lastDays} days`;
  return `${describeSelection({ selection }).replace(' (delta)', '')}, ${days}${repair ? ', with repair' : ''}`;
}

function stateOf(name: string, { spec, policies, action, state, info }: ScheduleDescription): FleetScheduleState {
  return {
    name,
    cron: spec.calendars?.map(({ comment }) => comment ?? 'as Temporal shows it')[0] ?? null,
    everyMs: spec.intervals?.[0]?.every ?? null,
    timeZone: spec.timezone ?? 'UTC',
    jitterMs: spec.jitter ?? 0,
    catchUpMs: policies.catchupWindow,
    ...whatOf(action),
    paused: state.paused,
    note: state.note || null,
    nextTimes: state.paused ? [] : info.nextActionTimes.slice(0, NEXT_TIMES),
    started: info.numActionsTaken,
    skipped: info.numActionsSkippedOverlap,
  };
}

function whatOf({ workflowType, args = [] }: ScheduleDescription['action']): Pick<FleetSchedule, 'sync' | 'reconcile'> {
  if (workflowType === SCHEDULED_RECONCILIATION) {
    const [input] = args as [ScheduledReconciliationInput?];
    const { selection, lastDays, repair = false } = input ?? { selection: { kind: 'all' } as const, lastDays: null };
    return { sync: null, reconcile: { selection, lastDays, repair } };
  }
  const [input] = args as [ScheduledFleetSyncInput?];
  const { selection, mode, maxWorkers } = input?.sync ?? { selection: { kind: 'all' } as const };
  const sync = { selection, mode: mode ?? ('delta' as const), ...(maxWorkers === undefined ? {} : { maxWorkers }) };
  return { sync, reconcile: null };
}
