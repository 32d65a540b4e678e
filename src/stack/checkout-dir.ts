import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// Searches upwards, because this file runs from src/, from dist/ and from the tests' own compiled copy.
export function checkoutDir(): string {
  const start = path.dirname(fileURLToPath(import.meta.url));
  for (let dir = start; ; dir = path.dirname(dir)) {
    if (existsSync(path.join(dir, 'temporal', 'go.mod'))) return dir;
    if (dir === path.dirname(dir)) {
      throw new Error(`Cannot find the fleetgraph checkout above ${start}: no folder there holds temporal/go.mod.`);
    }
  }
}
