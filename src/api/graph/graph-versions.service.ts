import { Inject, Injectable } from '@nestjs/common';
import {
  SWITCH_GRAPH_WORKFLOW_ID,
  type SwitchGraphInput,
  type SwitchGraphResult,
  TRANSPORT_GRAPH_TASK_QUEUE,
} from '../../workflows/transport-graph/messages.ts';
import { Failure } from '../../errors.ts';
import type { Actor } from '../auth/actor.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { OperatorTasks } from '../core/operator-tasks.ts';
import { numberCursor, pageOf } from '../core/pages.ts';
import { Problem, notFound } from '../core/problem.ts';

const LIST = '/api/v1/graph/versions';
const ISSUES = (severity: string): string =>
  `(SELECT count(*)::int FROM jsonb_array_elements(coalesce(report -> 'issues', '[]')) issue WHERE issue ->> 'severity' = '${severity}')`;
const COLUMNS = `version, state, dataset_version::text AS "datasetVersion", nodes, edges, (report ->> 'valid')::boolean AS valid,
  ${ISSUES('error')} AS errors, ${ISSUES('warning')} AS warnings, previous_version AS "previousVersion", created_at AS "createdAt",
  activated_at AS "activatedAt", retired_at AS "retiredAt"`;

interface GraphRow {
  version: string;
  state: string;
  report: Record<string, unknown> & { diff?: object | null };
}

/** The versions of the graph, from PostgreSQL. Switching between them is a worker's: the API may write neither row nor key. */
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
    const [graph] = await this.#database.rows(
      `SELECT ${COLUMNS}, report - 'diff' AS report, extract(epoch FROM now() - activated_at)::float8 AS "ageSeconds"
         FROM graphs WHERE state = 'active'`,
    );
    if (graph === undefined) throw notFound('live graph yet: run the pipeline', LIST);
    return { success: true, graph };
  }

  async list({ limit, after }: { limit: number; after?: string | undefined }): Promise<object> {
    const rows = await this.#database.rows<{ version: string }>(
      `SELECT ${COLUMNS} FROM graphs WHERE $2::bigint IS NULL OR id < $2 ORDER BY id DESC LIMIT $1`,
      [limit + 1, numberCursor(after)],
    );
    return pageOf('versions', rows, limit, ({ version }) => version.replace('graph-v', ''));
  }

  async read(version: string): Promise<object> {
    const { report: whole, ...graph } = await this.#find(version);
    const { diff = null, ...report } = whole;
    return { success: true, graph, report, diff };
  }

  async activate(version: string, actor: Actor, reason: string): Promise<object> {
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
    return this.#switch({ version, actor: actor.name, reason }, actor);
  }

  rollback(actor: Actor, reason: string): Promise<object> {
    return this.#switch({ actor: actor.name, reason }, actor);
  }

  async #switch(input: SwitchGraphInput, actor: Actor): Promise<object> {
    const subject = input.version ?? 'the version before';
    await this.#audit.record({ actor, action: 'graph.switch', subject, reason: input.reason });
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
      // Not that the graph is away: the one that was asked for cannot be gone back to.
      if (error instanceof Failure && error.code === 'GraphUnavailable') throw new Problem('WrongState', error.message);
      throw error;
    }
  }

  async #find(version: string): Promise<GraphRow> {
    const [row] = await this.#database.rows<GraphRow>(`SELECT ${COLUMNS}, report FROM graphs WHERE version = $1`, [
      version,
    ]);
    if (row === undefined) throw notFound(`graph ${version}`, LIST);
    return row;
  }
}
