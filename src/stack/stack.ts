import { startFromBinaries } from './binary-stack.ts';
import { composeAnswers, startFromCompose } from './compose.ts';
import type { Stack, StackOptions } from './running-stack.ts';

export type { Stack, StackOptions } from './running-stack.ts';
export type { ServerHandle } from './server-process.ts';
export type { ServerName } from './server-spec.ts';
export { stackStateDir } from './state-dir.ts';

export async function startStack(options: StackOptions): Promise<Stack> {
  const report = options.onProgress ?? (() => {});
  if (options.from === 'auto' && (await composeAnswers())) {
    try {
      return await startFromCompose(options);
    } catch (error) {
      report(
        `docker compose failed (${error instanceof Error ? error.message.split('\n')[0] : error}); using binaries instead`,
      );
    }
  }
  return startFromBinaries(options);
}
