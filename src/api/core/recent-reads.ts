import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../../config.ts';
import { CONFIG } from './tokens.ts';

interface Kept {
  found: Promise<unknown>;
  madeAt: number;
  renewing: boolean;
}

/** Reads kept at once; the oldest goes. */
const MOST = 2_000;

/**
 * What was read a moment ago, for FLEETGRAPH_API_RECENT_MS. What is asked for again in the second half of that time is renewed behind the
 * answer, so that a read in demand never waits for PostgreSQL or Redis. A failure is not kept.
 */
@Injectable()
export class RecentReads {
  readonly #recentMs: number;
  readonly #kept = new Map<string, Kept>();

  constructor(@Inject(CONFIG) config: Config) {
    this.#recentMs = config.api.recentMs;
  }

  get<T>(key: string, read: () => Promise<T>): Promise<T> {
    if (this.#recentMs === 0) return read();
    const kept = this.#kept.get(key);
    const age = kept === undefined ? Infinity : performance.now() - kept.madeAt;
    if (kept === undefined || age > this.#recentMs) return this.#make(key, read).found as Promise<T>;
    if (age > this.#recentMs / 2 && !kept.renewing) {
      kept.renewing = true;
      this.#renew(key, kept, read);
    }
    return kept.found as Promise<T>;
  }

  /** Somebody changed something: what was read before that is told to nobody. */
  clear(): void {
    this.#kept.clear();
  }

  #make(key: string, read: () => Promise<unknown>): Kept {
    const made: Kept = { found: read(), madeAt: performance.now(), renewing: false };
    this.#keep(key, made);
    made.found.catch(() => this.#forget(key, made));
    return made;
  }

  /** A renewal that fails leaves the next one who asks to hear why. */
  #renew(key: string, old: Kept, read: () => Promise<unknown>): void {
    const madeAt = performance.now();
    const found = read();
    found.then(
      () => {
        // Cleared meanwhile: what was read before that is not kept.
        if (this.#kept.get(key) === old) this.#keep(key, { found, madeAt, renewing: false });
      },
      () => this.#forget(key, old),
    );
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size > MOST) this.#kept.delete(this.#kept.keys().next().value!);
  }

  #forget(key: string, kept: Kept): void {
    if (this.#kept.get(key) === kept) this.#kept.delete(key);
  }
}
