import { Inject, Injectable } from '@nestjs/common';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { startReconciliation, startRepair } from '../../client/reconciliations.ts';
import { countMarked } from '../../records/extra-positions.ts';
import { listDays } from '../../records/reconciled-days.ts';
import { listReconciled } from '../../records/reconciled-vehicles.ts';
import { findReconciliation, latestReconciliations, type Reconciliation } from '../../records/reconciliations.ts';
import {
  LEGACY_SYNC_TASK_QUEUE,
  REMOVE_EXTRA_WORKFLOW_ID,
  type ReconcileInput,
  type RemoveExtraResult,
} from '../../workflows/legacy-sync/messages.ts';
import type { Actor } from '../core/actor.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { OperatorTasks } from '../core/operator-tasks.ts';
import { pageOf, numberCursor, timeCursor } from '../core/pages.ts';
import { Problem, notFound } from '../core/problem.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';

const LIST = '/api/v1/legacy-sync/reconciliations';

interface Page {
  limit: number;
  after?: string | undefined;
}

/** Starts reconciliations and repairs through Temporal, and reads them from PostgreSQL. */
@Injectable()
export class ReconciliationsService {
  readonly #database: Database;
  readonly #temporal: TemporalGateway;
  readonly #tasks: OperatorTasks;
  readonly #audit: Audit;

  constructor(
    @Inject(Database) database: Database,
    @Inject(TemporalGateway) temporal: TemporalGateway,
    @Inject(OperatorTasks) tasks: OperatorTasks,
    @Inject(Audit) audit: Audit,
  ) {
    this.#database = database;
    this.#temporal = temporal;
    this.#tasks = tasks;
    this.#audit = audit;
  }

  async start(asked: ReconcileInput, actor: Actor, reason?: string): Promise<object> {
    const input = { ...asked, requestedBy: actor.name };
    const subject = 'reconciliation';
    await this.#audit.record({ actor, action: 'reconciliation.start', subject, reason, details: { input } });
    const started = await this.#temporal
      .call((client) => startReconciliation(client, input))
      .catch((error: unknown) => {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        throw new Problem(
          'AlreadyRunning',
          'Starting a reconciliation: one is under way, and two would ask the same hosts. Wait until it has ended.',
        );
      });
    const { reconciliationId } = started;
    return {
      success: true,
      message: 'The reconciliation has begun.',
      reconciliationId,
      link: `${LIST}/${reconciliationId}`,
    };
  }

  async list({ limit, after }: Page): Promise<object> {
    const { at, id } = timeCursor(after);
    const before = at === null || id === null ? null : { at, id };
    const rows = await latestReconciliations(this.#database.reader, { limit: limit + 1, before });
    return pageOf('reconciliations', rows, limit, (row) => `${row.startedAt.toISOString()}_${row.reconciliationId}`);
  }

  async read(id: string): Promise<object> {
    return { success: true, reconciliation: await this.#find(id) };
  }

  async vehicles(id: string, { limit, after, differing }: Page & { differing: boolean }): Promise<object> {
    await this.#find(id);
    const which = { differing, limit: limit + 1, after: numberCursor(after) ?? '0' };
    const rows = await listReconciled(this.#database.reader, id, which);
    return pageOf('vehicles', rows, limit, ({ vehicleId }) => vehicleId);
  }

  async days(id: string, vehicleId: string): Promise<object> {
    await this.#find(id);
    return { success: true, days: await listDays(this.#database.reader, id, vehicleId) };
  }

  async marked(): Promise<object> {
    const marked = await countMarked(this.#database.reader, null);
    return { success: true, vehicles: marked.length, rows: marked.reduce((sum, { rows }) => sum + rows, 0) };
  }

  async repair(id: string, actor: Actor, reason: string): Promise<object> {
    await this.#find(id);
    const subject = `reconciliation ${id}`;
    await this.#audit.record({ actor, action: 'reconciliation.repair', subject, reason });
    await this.#temporal.call((client) => startRepair(client, id, actor.name));
    return { success: true, message: 'The repair has begun.', link: `${LIST}/${id}` };
  }

  /** A worker does this, because the API may not write positions. */
  async removeExtra(vehicleIds: string[] | null, actor: Actor, reason: string): Promise<object> {
    const subject = vehicleIds === null ? 'all vehicles' : `vehicles ${vehicleIds.join(', ')}`;
    await this.#audit.record({ actor, action: 'extra-positions.removed', subject, reason });
    const result = await this.#tasks.run<RemoveExtraResult>({
      workflowType: 'removeExtraPositions',
      workflowId: REMOVE_EXTRA_WORKFLOW_ID,
      taskQueue: LEGACY_SYNC_TASK_QUEUE,
      input: { vehicleIds },
      summary: 'Removing positions that the source does not have',
    });
    return { success: true, ...result };
  }

  async #find(id: string): Promise<Reconciliation> {
    const found = await findReconciliation(this.#database.reader, id);
    if (found === null) throw notFound(`reconciliation ${id}`, LIST);
    return found;
  }
}
