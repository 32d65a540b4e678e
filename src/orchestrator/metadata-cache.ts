import type { Client } from '@temporalio/client';
import type pg from 'pg';
import { type LostStages, findLostStages, readRunningStages } from '../connections/lost-stages.ts';
import { readWorkerMetadata } from './read-metadata.ts';
import type { IBackgroundWorker, WorkerMetadata } from './types.ts';

const MAX_AGE_MS = 1_000;

/** What is known of every stage, answered at once; what is older than a second is read anew for the next who asks. */
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
    // Temporal away: what the rows say is the best answer there is.
    return findLostStages(this.#temporal, running).catch((): LostStages => new Map());
  }

  #refreshWhenOld(): void {
    if (this.#reading !== null || Date.now() - this.#readAt < MAX_AGE_MS) return;
    this.#reading = this.refresh()
      // PostgreSQL away: what was known is the best answer there is.
      .catch(() => {})
      .finally(() => (this.#reading = null));
  }
}
