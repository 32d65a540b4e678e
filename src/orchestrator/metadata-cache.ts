import type { Client } from '@temporalio/client';
import type pg from 'pg';
import { type LostStages, findLostStages, readRunningStages } from '../records/lost-stages.ts';
import { type WorkerMetadata, readWorkerMetadata } from '../records/stage-metadata.ts';
import type { IBackgroundWorker } from './types.ts';

const MAX_AGE_MS = 1_000;

/** The metadata of every stage, answered without waiting. An answer older than a second starts a new read for the next caller. */
export class MetadataCache {
  readonly #temporal: Client;
  readonly #postgres: pg.Pool;
  readonly #registered = new Map<string, WorkerMetadata>();
  #known = new Map<string, WorkerMetadata>();
  #readAt = 0;
  #reading: Promise<void> | null = null;

  constructor(temporal: Client, postgres: pg.Pool) {
    this.#temporal = temporal;
    this.#postgres = postgres;
  }

  get(workerId: string): WorkerMetadata | null {
    this.#refreshWhenOld();
    return this.#known.get(workerId) ?? this.#registered.get(workerId) ?? null;
  }

  all(): WorkerMetadata[] {
    this.#refreshWhenOld();
    const waiting = [...this.#registered.values()].filter(({ workerId }) => !this.#known.has(workerId));
    return [...this.#known.values(), ...waiting];
  }

  /** A stage of this process, known before its row is written. */
  add(workerId: string, { workerName, version }: IBackgroundWorker): void {
    const never = { lastRun: null, lastStatus: null, lastDuration: null, runCount: 0 };
    this.#registered.set(workerId, { workerId, workerName, version, ...never });
  }

  async refresh(): Promise<void> {
    const rows = await readWorkerMetadata(this.#postgres, await this.#lost());
    this.#known = new Map(rows.map((row) => [row.workerId, row]));
    this.#readAt = Date.now();
  }

  async #lost(): Promise<LostStages> {
    const running = await readRunningStages(this.#postgres);
    // While Temporal is away, the rows are the best answer there is.
    return findLostStages(this.#temporal, running).catch((): LostStages => new Map());
  }

  #refreshWhenOld(): void {
    if (this.#reading !== null || Date.now() - this.#readAt < MAX_AGE_MS) return;
    this.#reading = this.refresh()
      // While PostgreSQL is away, the last answer is the best there is.
      .catch(() => {})
      .finally(() => (this.#reading = null));
  }
}
