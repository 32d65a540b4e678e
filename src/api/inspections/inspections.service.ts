import { Inject, Injectable } from '@nestjs/common';
import { WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { isOpen } from '../../connections/temporal-status.ts';
import { isLegacyServer } from '../../records/legacy-servers.ts';
import { serverIdOf } from '../../settings/server-id-of.ts';
import type {
  DiscoveryInput,
  DiscoveryResult,
  InspectionInput,
  InspectionResult,
} from '../../workflows/legacy-sync/inspection.ts';
import {
  LEGACY_SYNC_TASK_QUEUE,
  discoveryWorkflowId,
  inspectionWorkflowId,
} from '../../workflows/legacy-sync/messages.ts';
import type { Actor } from '../core/actor.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { OperatorTasks } from '../core/operator-tasks.ts';
import { notFound } from '../core/problem.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';

const SERVERS = '/api/v1/legacy-sync/servers';

type Login = InspectionInput['server'] & Omit<InspectionInput, 'server'> & { id?: string | undefined; host: string };

/** Has workers look at legacy servers: they have the keys and the way there, and this process has neither. */
@Injectable()
export class InspectionsService {
  readonly #database: Database;
  readonly #tasks: OperatorTasks;
  readonly #temporal: TemporalGateway;
  readonly #audit: Audit;

  constructor(
    @Inject(Database) database: Database,
    @Inject(OperatorTasks) tasks: OperatorTasks,
    @Inject(TemporalGateway) temporal: TemporalGateway,
    @Inject(Audit) audit: Audit,
  ) {
    this.#database = database;
    this.#tasks = tasks;
    this.#temporal = temporal;
    this.#audit = audit;
  }

  async inspect({ database, table, timeZone, ...address }: Login, actor: Actor, reason?: string): Promise<object> {
    const server = { ...address, id: address.id ?? serverIdOf(address.host) };
    const input: InspectionInput = { server, database, table, timeZone };
    const subject = `server ${server.id}`;
    await this.#audit.record({ actor, action: 'server.inspected', subject, reason, details: { input } });
    const inspection = await this.#tasks.run<InspectionResult>({
      workflowType: 'inspectServer',
      workflowId: inspectionWorkflowId(server.id),
      taskQueue: LEGACY_SYNC_TASK_QUEUE,
      input,
      summary: `Inspecting ${address.host}`,
    });
    return { success: true, serverId: server.id, inspection };
  }

  async read(serverId: string): Promise<object> {
    const link = `${SERVERS}/${serverId}`;
    const { handle, described } = await this.#temporal
      .call(async (client) => {
        const known = client.workflow.getHandle<() => Promise<InspectionResult>>(inspectionWorkflowId(serverId));
        return { handle: known, described: await known.describe() };
      })
      .catch((error: unknown) => {
        throw error instanceof WorkflowNotFoundError ? notFound(`inspection of ${serverId}`, link) : error;
      });
    const running = isOpen(described.status.name);
    const inspection = running ? null : await this.#temporal.call(() => handle.result().catch(noResult));
    return { success: true, serverId, running, startedAt: described.startTime.toISOString(), inspection };
  }

  async discover(
    { serverId, reason, ...what }: Pick<DiscoveryInput, 'serverId' | 'table' | 'add'> & { reason?: string | undefined },
    actor: Actor,
  ): Promise<object> {
    if (!(await isLegacyServer(this.#database.reader, serverId))) throw notFound(`legacy server ${serverId}`, SERVERS);
    const subject = `server ${serverId}`;
    await this.#audit.record({ actor, action: 'vehicle.discovered', subject, reason, details: { input: what } });
    const input: DiscoveryInput = { serverId, ...what, actor: actor.name, reason: reason ?? 'found by discovery' };
    const discovery = await this.#tasks.run<DiscoveryResult>({
      workflowType: 'discoverVehicles',
      workflowId: discoveryWorkflowId(serverId),
      taskQueue: LEGACY_SYNC_TASK_QUEUE,
      input,
      summary: `Looking for the vehicles of legacy server ${serverId}`,
    });
    return { success: true, discovery };
  }
}

/** A task that was ended from outside has no result. */
function noResult(error: unknown): null {
  if (error instanceof WorkflowFailedError) return null;
  throw error;
}
