import { Inject, Injectable } from '@nestjs/common';
import {
  countQuarantinedByReason,
  findQuarantined,
  listQuarantined,
  type WantedQuarantine,
  wantedQuarantined,
} from '../../records/quarantine.ts';
import { isVehicle } from '../../records/vehicles.ts';
import {
  LEGACY_SYNC_TASK_QUEUE,
  REDRIVEN_AT_ONCE,
  type RedriveResult,
  redriveWorkflowId,
} from '../../workflows/legacy-sync/messages.ts';
import type { Actor } from '../core/actor.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { OperatorTasks } from '../core/operator-tasks.ts';
import { numberCursor, pageOf } from '../core/pages.ts';
import { notFound } from '../core/problem.ts';

/** At most this much of a row's bytes is sent in one answer. */
const SHOWN_BYTES = 64 * 1024;
/** A request takes no more vehicles than this, because each is a task of some tenths of a second. */
const VEHICLES_AT_ONCE = 25;
const LIST = '/api/v1/legacy-sync/quarantine';

interface QuarantineQuery {
  limit: number;
  after?: string | undefined;
  vehicleId?: string | undefined;
  reason?: string | undefined;
}

/** Rows that could not be imported, kept whole. */
@Injectable()
export class QuarantineService {
  readonly #database: Database;
  readonly #tasks: OperatorTasks;
  readonly #audit: Audit;

  constructor(
    @Inject(Database) database: Database,
    @Inject(OperatorTasks) tasks: OperatorTasks,
    @Inject(Audit) audit: Audit,
  ) {
    this.#database = database;
    this.#tasks = tasks;
    this.#audit = audit;
  }

  async list({ limit, after, vehicleId, reason }: QuarantineQuery): Promise<object> {
    const which = { limit: limit + 1, before: numberCursor(after), vehicleId, reason };
    const rows = await listQuarantined(this.#database.reader, which);
    return pageOf('rows', rows, limit, ({ id }) => id);
  }

  async read(id: string): Promise<object> {
    const found = await findQuarantined(this.#database.reader, id, SHOWN_BYTES);
    if (found === null) throw notFound(`row ${id} in quarantine`, LIST);
    const { raw, ...row } = found;
    const content = { text: raw.toString('utf8'), base64: raw.toString('base64'), truncated: row.bytes > SHOWN_BYTES };
    return { success: true, row: { ...row, ...content } };
  }

  /** A worker does this, because the API may not write positions. */
  async redrive(
    { vehicleId, ids, dryRun = false }: { vehicleId: string; ids?: string[] | undefined; dryRun?: boolean | undefined },
    actor: Actor,
    reason: string,
  ): Promise<object> {
    if (!(await isVehicle(this.#database.reader, vehicleId)))
      throw notFound(`vehicle ${vehicleId}`, '/api/v1/legacy-sync/vehicles');
    const subject = `vehicle ${vehicleId}`;
    const details = { ids: ids ?? 'all', ...(dryRun ? { dryRun } : {}) };
    await this.#audit.record({ actor, action: 'quarantine.redrive', subject, reason, details });
    return { success: true, result: await this.#try(vehicleId, ids ?? null, dryRun) };
  }

  async reasons(): Promise<object> {
    return { success: true, reasons: await countQuarantinedByReason(this.#database.reader) };
  }

  /** Does the same for rows of a reason or a span, of as many vehicles as a request has time for. */
  async redriveMatching(
    { keptFor, dryRun, ...which }: Omit<WantedQuarantine, 'reason'> & { keptFor?: string | undefined; dryRun: boolean },
    actor: Actor,
    reason: string,
  ): Promise<object> {
    const wanted = await wantedQuarantined(this.#database.reader, { ...which, reason: keptFor });
    const now = wanted.slice(0, VEHICLES_AT_ONCE);
    const subject = now.length === 1 ? `vehicle ${now[0]!.vehicleId}` : `${now.length} vehicles`;
    const details = { ...which, keptFor, rows: now.reduce((sum, { ids }) => sum + ids.length, 0), dryRun };
    await this.#audit.record({ actor, action: 'quarantine.redrive', subject, reason, details });
    const sum = { taken: 0, imported: 0, duplicates: 0, stillQuarantined: 0 };
    for (const { vehicleId, ids } of now) {
      for (let at = 0; at < ids.length; at += REDRIVEN_AT_ONCE) {
        const result = await this.#try(vehicleId, ids.slice(at, at + REDRIVEN_AT_ONCE), dryRun);
        for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += result[key];
      }
    }
    return { success: true, result: { ...sum, vehicles: now.length, left: wanted.length - now.length } };
  }

  #try(vehicleId: string, ids: string[] | null, dryRun: boolean): Promise<RedriveResult> {
    return this.#tasks.run<RedriveResult>({
      workflowType: 'redriveQuarantine',
      workflowId: redriveWorkflowId(vehicleId),
      taskQueue: LEGACY_SYNC_TASK_QUEUE,
      input: { vehicleId, ids, ...(dryRun ? { dryRun } : {}) },
      summary: `Trying quarantined rows of vehicle ${vehicleId} again`,
    });
  }
}
