import { Inject, Injectable } from '@nestjs/common';
import { LEGACY_SYNC_TASK_QUEUE, type RedriveResult, redriveWorkflowId } from '../../workflows/legacy-sync/messages.ts';
import type { Actor } from '../auth/actor.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { OperatorTasks } from '../core/operator-tasks.ts';
import { numberCursor, pageOf } from '../core/pages.ts';
import { notFound } from '../core/problem.ts';

/** Of a row's bytes, in one answer. */
const SHOWN_BYTES = 64 * 1024;
const LIST = '/api/v1/legacy-sync/quarantine';
const COLUMNS = `q.id::text, q.vehicle_id::text AS "vehicleId", v.label, q.run_id AS "runId", q.legacy_id::text AS "legacyId", q.reason,
  q.column_name AS "column", length(q.raw) AS bytes, q.created_at AS "createdAt"`;

interface QuarantineFilter {
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

  async list({ limit, after, vehicleId, reason }: QuarantineFilter): Promise<object> {
    const rows = await this.#database.rows<{ id: string }>(
      `SELECT ${COLUMNS} FROM quarantine q JOIN vehicles v ON v.id = q.vehicle_id
        WHERE ($2::bigint IS NULL OR q.id < $2) AND ($3::bigint IS NULL OR q.vehicle_id = $3) AND ($4::text IS NULL OR q.reason = $4)
        ORDER BY q.id DESC LIMIT $1`,
      [limit + 1, numberCursor(after), vehicleId ?? null, reason ?? null],
    );
    return pageOf('rows', rows, limit, ({ id }) => id);
  }

  async read(id: string): Promise<object> {
    const [found] = await this.#database.rows<{ raw: Buffer; bytes: number }>(
      `SELECT ${COLUMNS}, substring(q.raw FROM 1 FOR $2) AS raw FROM quarantine q JOIN vehicles v ON v.id = q.vehicle_id WHERE q.id = $1`,
      [id, SHOWN_BYTES],
    );
    if (found === undefined) throw notFound(`row ${id} in quarantine`, LIST);
    const { raw, ...row } = found;
    const content = { text: raw.toString('utf8'), base64: raw.toString('base64'), truncated: row.bytes > SHOWN_BYTES };
    return { success: true, row: { ...row, ...content } };
  }

  /** Done by a worker, which may write positions. */
  async redrive(
    { vehicleId, ids }: { vehicleId: string; ids?: string[] | undefined },
    actor: Actor,
    reason: string,
  ): Promise<object> {
    const found = await this.#database.rows('SELECT 1 FROM vehicles WHERE id = $1', [vehicleId]);
    if (found.length === 0) throw notFound(`vehicle ${vehicleId}`, '/api/v1/legacy-sync/vehicles');
    const subject = `vehicle ${vehicleId}`;
    await this.#audit.record({ actor, action: 'quarantine.redrive', subject, reason, details: { ids: ids ?? 'all' } });
    const result = await this.#tasks.run<RedriveResult>({
      workflowType: 'redriveQuarantine',
      workflowId: redriveWorkflowId(vehicleId),
      taskQueue: LEGACY_SYNC_TASK_QUEUE,
      input: { vehicleId, ids: ids ?? null },
      summary: `Trying quarantined rows of vehicle ${vehicleId} again`,
    });
    return { success: true, result };
  }
}
