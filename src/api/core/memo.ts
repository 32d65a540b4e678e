/** Answers that are good for a moment: many who ask at once are one question, and a failure is not kept. */
export interface Memo<T> {
  get(key: string, make: () => Promise<T>): Promise<T>;
}

export function createMemo<T>(freshMs: number, { most = 1_000 }: { most?: number } = {}): Memo<T> {
  const kept = new Map<string, { value: Promise<T>; until: number }>();
  return {
    get(key, make) {
      const now = Date.now();
      const found = kept.get(key);
      if (found !== undefined && found.until > now) return found.value;
      const value = make();
      kept.delete(key);
      kept.set(key, { value, until: now + freshMs });
      value.catch(() => {
        if (kept.get(key)?.value === value) kept.delete(key);
      });
      // Insertion order is age: the oldest goes.
      if (kept.size > most) kept.delete(kept.keys().next().value!);
      return value;
    },
  };
}
