import { timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type StoredApiKey, hashSecret, readStoredApiKeys, splitKey } from '../../client/api-keys.ts';
import { Failure } from '../../errors.ts';
import { Database } from '../core/database.ts';

/** How often the keys are read anew, whoever asks: so no request pays for it, and a revoked key is refused after that long. */
const FRESH_MS = 5_000;
/** Older than that, and PostgreSQL not known to be away: a request waits for news. */
const STALE_MS = 2 * FRESH_MS;
/** A key that is not known may be new: it is looked for, and all who guess wait for the same look, no more often than this. */
const LOOK_AGAIN_MS = 250;
/** While PostgreSQL is away, keys it has vouched for are good for so long: what does not need it still answers. */
const GOOD_WITHOUT_DATABASE_MS = 600_000;
/** Compared with when the id is unknown, so that this takes as long. */
const NO_KEY = Buffer.alloc(32);

/** The keys in force, as of a moment ago. */
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

  /** The key, or null when it is none, or not in force. Throws DatabaseUnavailable when nobody can tell. */
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

  /** Reads what is stored now: a key that was made just before this request came is among it. */
  async #lookAgain(): Promise<void> {
    const cameAt = Date.now();
    // A read that had begun before may have missed it; the second cannot have.
    for (let looks = 0; looks < 2 && this.#readAt <= cameAt; looks += 1) {
      await sleep(Math.max(0, this.#readAt + LOOK_AGAIN_MS - Date.now()));
      await this.#refresh(0);
    }
  }

  /** A failure is borne as long as what is known is not older than `goodForMs`, and not asked for again at every request. */
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
