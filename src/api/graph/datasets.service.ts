import { Inject, Injectable } from '@nestjs/common';
import { approveDataset, rejectDataset } from '../../client/held-datasets.ts';
import type { Actor } from '../auth/actor.ts';
import { Database } from '../core/database.ts';
import { numberCursor, pageOf } from '../core/pages.ts';
import { notFound } from '../core/problem.ts';

const COLUMNS = `version::text, source, state, stops, routes, flights, held_reason AS "heldReason", decided_by AS "decidedBy",
  decision_reason AS "decisionReason", decided_at AS "decidedAt", created_at AS "createdAt"`;

/** What the source has published; what is held waits for somebody to decide. */
@Injectable()
export class DatasetsService {
  readonly #database: Database;

  constructor(@Inject(Database) database: Database) {
    this.#database = database;
  }

  async list({
    limit,
    after,
    state,
  }: {
    limit: number;
    after?: string | undefined;
    state?: string | undefined;
  }): Promise<object> {
    const rows = await this.#database.rows<{ version: string }>(
      `SELECT ${COLUMNS} FROM datasets WHERE ($2::bigint IS NULL OR version < $2) AND ($3::text IS NULL OR state = $3)
        ORDER BY datasets.version DESC LIMIT $1`,
      [limit + 1, numberCursor(after), state ?? null],
    );
    return pageOf('datasets', rows, limit, ({ version }) => version);
  }

  approve(version: string, actor: Actor, reason: string): Promise<object> {
    return this.#decide(approveDataset, version, actor, reason);
  }

  reject(version: string, actor: Actor, reason: string): Promise<object> {
    return this.#decide(rejectDataset, version, actor, reason);
  }

  /** The decision writes its own row of the audit log, in its transaction. */
  async #decide(decide: typeof approveDataset, version: string, actor: Actor, reason: string): Promise<object> {
    await this.#find(version);
    await this.#database.write((pool) => decide(pool, { version, actor: actor.name, reason }));
    return { success: true, dataset: await this.#find(version) };
  }

  async #find(version: string): Promise<object> {
    const [dataset] = await this.#database.rows(`SELECT ${COLUMNS} FROM datasets WHERE version = $1`, [version]);
    if (dataset === undefined) throw notFound(`dataset ${version}`, '/api/v1/graph/datasets');
    return dataset;
  }
}
