import { Inject, Injectable } from '@nestjs/common';
import { approveDataset, rejectDataset } from '../../records/dataset-decisions.ts';
import { findDataset, listDatasets } from '../../records/datasets.ts';
import type { Actor } from '../core/actor.ts';
import { Database } from '../core/database.ts';
import { numberCursor, pageOf } from '../core/pages.ts';
import { notFound } from '../core/problem.ts';

/** Lists the datasets of the source and decides on those that are held. */
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
    const page = { limit: limit + 1, before: numberCursor(after), state: state ?? null };
    const rows = await listDatasets(this.#database.reader, page);
    return pageOf('datasets', rows, limit, ({ version }) => version);
  }

  approve(version: string, actor: Actor, reason: string): Promise<object> {
    return this.#decide(approveDataset, version, actor, reason);
  }

  reject(version: string, actor: Actor, reason: string): Promise<object> {
    return this.#decide(rejectDataset, version, actor, reason);
  }

  /** The decision writes its row of the audit log in its own transaction. */
  async #decide(decide: typeof approveDataset, version: string, actor: Actor, reason: string): Promise<object> {
    await this.#find(version);
    await this.#database.write((pool) => decide(pool, { version, actor: actor.name, reason }));
    return { success: true, dataset: await this.#find(version) };
  }

  async #find(version: string): Promise<object> {
    const dataset = await findDataset(this.#database.reader, version);
    if (dataset === null) throw notFound(`dataset ${version}`, '/api/v1/graph/datasets');
    return dataset;
  }
}
