import { Inject, Injectable } from '@nestjs/common';
import {
  SWITCH_GRAPH_WORKFLOW_ID,
  type SwitchGraphInput,
  type SwitchGraphResult,
  TRANSPORT_GRAPH_TASK_QUEUE,
} from '../../workflows/transport-graph/messages.ts';
import { Failure } from '../../errors.ts';
import {
  type GraphVersion,
  type StoredReport,
  activeGraphVersion,
  activeVersion,
  findGraphVersion,
  listGraphVersions,
} from '../../records/graph-versions.ts';
import type { Actor } from '../core/actor.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { OperatorTasks } from '../core/operator-tasks.ts';
import { numberCursor, pageOf } from '../core/pages.ts';
import { Problem, notFound } from '../core/problem.ts';

const LIST = '/api/v1/graph/versions';

interface Switching {
  reason: string;
  /** The graph that the caller saw as the live one. */
  from?: string | undefined;
}

/** Lists the versions of the graph, from PostgreSQL. A worker switches between them, because the API may write neither their rows nor their keys. */
@Injectable()
export class GraphVersionsService {
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

  async active(): Promise<object> {
    const graph = await activeGraphVersion(this.#database.reader);
    if (graph === null) throw notFound('live graph yet: run the pipeline', LIST);
    return { success: true, graph };
  }

  async list({ limit, after }: { limit: number; after?: string | undefined }): Promise<object> {
    const page = { limit: limit + 1, before: numberCursor(after) };
    const rows = await listGraphVersions(this.#database.reader, page);
    return pageOf('versions', rows, limit, ({ version }) => version.replace('graph-v', ''));
  }

  async read(version: string): Promise<object> {
    const { report: whole, ...graph } = await this.#find(version);
    const { diff = null, ...report } = whole;
    return { success: true, graph, report, diff };
  }

  async activate({ version, ...request }: Switching & { version: string }, actor: Actor): Promise<object> {
    const { state } = await this.#find(version);
    if (state !== 'retired') {
      throw new Problem(
        'WrongState',
        `Activating ${version}: it is ${state}, and only a retired graph can be gone back to.`,
        {
          link: `${LIST}/${version}`,
        },
      );
    }
    return this.#switch({ ...request, version }, actor);
  }

  rollback(request: Switching, actor: Actor): Promise<object> {
    return this.#switch(request, actor);
  }

  /** Two requests at once leave the same graph, so the second is refused, and does not switch back what the first has done. */
  async #switch({ from, ...request }: Switching & { version?: string }, actor: Actor): Promise<object> {
    const leaving = from ?? (await activeVersion(this.#database.reader));
    const input: SwitchGraphInput = { ...request, actor: actor.name, ...(leaving !== null && { from: leaving }) };
    const subject = input.version ?? 'the version before';
    await this.#audit.record({
      actor,
      action: 'graph.switch',
      subject,
      reason: input.reason,
      details: { from: leaving },
    });
    try {
      const result = await this.#tasks.run<SwitchGraphResult>({
        workflowType: 'switchGraph',
        workflowId: SWITCH_GRAPH_WORKFLOW_ID,
        taskQueue: TRANSPORT_GRAPH_TASK_QUEUE,
        input,
        summary: `Switching readers to ${subject}`,
      });
      return { success: true, ...result };
    } catch (error) {
      // The live graph is not affected: it is the requested version that cannot be restored.
      if (error instanceof Failure && ['GraphUnavailable', 'GraphSuperseded'].includes(error.code)) {
        throw new Problem('WrongState', error.message, { link: LIST });
      }
      throw error;
    }
  }

  async #find(version: string): Promise<GraphVersion & { report: StoredReport }> {
    const graph = await findGraphVersion(this.#database.reader, version);
    if (graph === null) throw notFound(`graph ${version}`, LIST);
    return graph;
  }
}
