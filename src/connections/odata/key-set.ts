/**
 * Says of each key whether it is new. Sources send rows in the order of their keys, mostly: as long as each key is higher than the one before,
 * nothing has to be kept but the keys themselves, and 100,000 keys in a set take longer than their rows do to parse.
 */
export function createKeySet(): (key: string) => boolean {
  const inOrder: string[] = [];
  let seen: Set<string> | null = null;
  return (key) => {
    if (seen === null) {
      const last = inOrder.at(-1);
      if (last === undefined || key > last) {
        inOrder.push(key);
        return true;
      }
      seen = new Set(inOrder);
    }
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  };
}
