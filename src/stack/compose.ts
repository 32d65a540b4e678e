import path from 'node:path';
import type { Stack, StackOptions } from './stack.ts';

export async function composeAnswers(): Promise<boolean> {
  return false;
}
export async function startFromCompose(_options: StackOptions): Promise<Stack> {
  throw new Error(path.sep);
}
