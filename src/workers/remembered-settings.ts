/** The settings, and as they were read last: for what has to be done while PostgreSQL does not answer. */
export function createRememberedSettings<T>(read: () => Promise<T>): { read(): Promise<T>; last(): T | null } {
  let last: T | null = null;
  return { read: async () => (last = await read()), last: () => last };
}
