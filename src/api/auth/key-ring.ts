import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type StoredApiKey, hashSecret, readStoredApiKeys, splitKey } from '../../client/api-keys.ts';
import { Failure } from '../../errors.ts';
import { Database } from '../core/database.ts';

/** A revoked key is refused after at most so long. */
const FRESH_MS = 5_000;
/** A key that is not known may be new: it is looked for, but not at every request of somebody who guesses. */
const LOOK_AGAIN_MS = 250;
/** While PostgreSQL is away, keys it has vouched for are good for so long: what does not need it still answers. */
const GOOD_WITHOUT_DATABASE_MS = 600_000;
/** Compared with when the id is unknown, so that this takes as long. */
const NO_KEY = Buffer.alloc(32);

/** The keys in force, as of a moment ago. */
@Injectable()
export class KeyRing {
  readonly #database: Database;
  #keys = new Map<string, StoredApiKey>();
  #readAt = 0;
  #reading: Promise<void> | null = null;

  constructor(@Inject(Database) database: Database) {
    this.#database = database;
  }

  /** The key, or null when it is none, or not in force. Throws DatabaseUnavailable when nobody can tell. */
  async find(text: string): Promise<StoredApiKey | null> {
    const parts = splitKey(text);
    if (parts === null) return null;
    await this.#refresh(FRESH_MS);
    if (!this.#keys.has(parts.id)) await this.#refresh(LOOK_AGAIN_MS);
    const key = this.#keys.get(parts.id);
    const right = timingSafeEqual(hashSecret(parts.secret), key?.secretSha256 ?? NO_KEY);
    if (key === undefined || !right) return null;
    return key.expiresAt !== null && key.expiresAt.getTime() <= Date.now() ? null : key;
  }

  async #refresh(maxAgeMs: number): Promise<void> {
    const ageMs = Date.now() - this.#readAt;
    if (ageMs < maxAgeMs) return;
    this.#reading ??= this.#read().finally(() => (this.#reading = null));
    try {
      await this.#reading;
    } catch (error) {
      if (!(error instanceof Failure) || ageMs > GOOD_WITHOUT_DATABASE_MS) throw error;
    }
  }

  async #read(): Promise<void> {
    const askedAt = Date.now();
    const keys = await readStoredApiKeys(this.#database.reader);
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#readAt = askedAt;
  }
}
