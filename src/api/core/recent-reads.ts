interface Kept {
  found: Promise<unknown>;
  madeAt: number;
  renewing: boolean;
}

export interface RecentReadsOptions {
  /** How long a result is returned again; 0: never. */
  recentMs: number;
  /**
   * Renews a result in the background when it is asked for in the second half of its time. A read in demand then never waits for PostgreSQL
   * or Redis.
   */
  renewed?: boolean;
}

/** Number of results that are kept; the oldest is dropped first. */
const MOST = 2_000;

/** Keeps the results of recent reads, so that many callers at once cause one read. A failure is not kept. */
export class RecentReads {
  readonly #recentMs: number;
  readonly #renewed: boolean;
  readonly #kept = new Map<string, Kept>();

  constructor({ recentMs, renewed = false }: RecentReadsOptions) {
    this.#recentMs = recentMs;
    this.#renewed = renewed;
  }

  get<T>(key: string, read: () => Promise<T>): Promise<T> {
    if (this.#recentMs === 0) return read();
    const kept = this.#kept.get(key);
    const age = kept === undefined ? Infinity : performance.now() - kept.madeAt;
    if (kept === undefined || age > this.#recentMs) return this.#make(key, read).found as Promise<T>;
    if (this.#renewed && age > this.#recentMs / 2 && !kept.renewing) {
      kept.renewing = true;
      this.#renew(key, kept, read);
    }
    return kept.found as Promise<T>;
  }

  /** Call it after a change: results from before it are not returned any more. */
  clear(): void {
    this.#kept.clear();
  }

  #make(key: string, read: () => Promise<unknown>): Kept {
    const made: Kept = { found: read(), madeAt: performance.now(), renewing: false };
    this.#keep(key, made);
    made.found.catch(() => this.#forget(key, made));
    return made;
  }

  /** When a renewal fails, the next caller reads again and gets the error. */
  #renew(key: string, old: Kept, read: () => Promise<unknown>): void {
    const madeAt = performance.now();
    const found = read();
    found.then(
      () => {
        // `clear` may have been called meanwhile. A result from before it must not be kept.
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
