import { timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type StoredApiKey, hashSecret, readStoredApiKeys, splitKey } from '../../records/api-keys.ts';
import { Failure } from '../../errors.ts';
import { Database } from '../core/database.ts';

/** How often all keys are read in the background. Requests do not wait for this, and a revoked key is refused after this time at the latest. */
const FRESH_MS = 5_000;
/** When the keys are older than this, and PostgreSQL is not known to be away, a request waits for a new read. */
const STALE_MS = 2 * FRESH_MS;
/** An unknown key may be new, so the keys are read again, at most this often. All callers with unknown keys wait for the same read. */
const LOOK_AGAIN_MS = 250;
/** While PostgreSQL is away, the keys that were read last are accepted for this long, so that answers without PostgreSQL still work. */
const GOOD_WITHOUT_DATABASE_MS = 600_000;
/** Compared when the id is unknown, so that an unknown id takes as long as a wrong secret. */
const NO_KEY = Buffer.alloc(32);

/** The keys in force, at most a few seconds old. */
@Injectable()
export class KeyRing implements OnModuleInit, OnApplicationShutdown {
  readonly #database: Database;
  #keys = new Map<string, StoredApiKey>();
  #readAt = 0;
  #failed: { error: unknown; at: number } | null = null;
  #reading: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(@Inject(Database) database: Database) {
    this.#database = database;
  }

  onModuleInit(): void {
    this.#timer = setInterval(() => void this.#read().catch(() => {}), FRESH_MS);
    this.#timer.unref();
  }

  onApplicationShutdown(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Finds the key; null when it is unknown, wrong or expired. Throws DatabaseUnavailable when the keys cannot be read. */
  async find(text: string): Promise<StoredApiKey | null> {
    const parts = splitKey(text);
    if (parts === null) return null;
    if (Date.now() - this.#readAt > STALE_MS) await this.#refresh(GOOD_WITHOUT_DATABASE_MS);
    if (!this.#keys.has(parts.id)) await this.#lookAgain();
    const key = this.#keys.get(parts.id);
    const right = timingSafeEqual(hashSecret(parts.secret), key?.secretSha256 ?? NO_KEY);
    if (key === undefined || !right) return null;
    return key.expiresAt !== null && key.expiresAt.getTime() <= Date.now() ? null : key;
  }

  /** Reads the stored keys again, so that a key made just before this request is found. */
  async #lookAgain(): Promise<void> {
    const cameAt = Date.now();
    // A read that had begun before the request may have missed the key; a second one cannot.
    for (let looks = 0; looks < 2 && this.#readAt <= cameAt; looks += 1) {
      await sleep(Math.max(0, this.#readAt + LOOK_AGAIN_MS - Date.now()));
      await this.#refresh(0);
    }
  }

  /** Tolerates a failure while the known keys are not older than `goodForMs`. After a failure, it does not query again at every request. */
  async #refresh(goodForMs: number): Promise<void> {
    const goodEnough = Date.now() - this.#readAt < goodForMs;
    if (this.#failed !== null && Date.now() - this.#failed.at < FRESH_MS) {
      if (goodEnough) return;
      throw this.#failed.error;
    }
    try {
      await this.#read();
    } catch (error) {
      if (!goodEnough || !(error instanceof Failure)) throw error;
    }
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readKeys().finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #readKeys(): Promise<void> {
    const askedAt = Date.now();
    try {
      const keys = await readStoredApiKeys(this.#database.reader);
      this.#keys = new Map(keys.map((key) => [key.id, key]));
      this.#readAt = askedAt;
      this.#failed = null;
    } catch (error) {
      this.#failed = { error, at: Date.now() };
      throw error;
    }
  }
}
