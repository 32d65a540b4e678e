import { startFromBinaries } from './binary-stack.ts';
import { composeAnswers, startFromCompose } from './compose.ts';
import type { ServerHandle } from './server-process.ts';
import type { ServerName } from './server-spec.ts';

export { stackStateDir } from './state-dir.ts';
export type { ServerHandle, ServerName };

export interface StackOptions {
  stateDir: string;
  /** All of them unless said. A server that was not asked for has no address: reading it throws. */
  servers?: ServerName[];
  /** Redis persists and evicts as in production, and the data outlives stop(). Default: everything is wiped. */
  durable?: boolean;
  /** For tests that need Redis as in production but no data left: overrides what `durable` says about the data. */
  keepData?: boolean;
  /** 'auto' takes docker compose when an engine answers. */
  from?: 'binaries' | 'auto';
  /** Starts a Temporal server of our own even where TEMPORAL_ADDRESS names one: for tests that kill it. */
  ownTemporal?: boolean;
  sshdExtraConfig?: string[];
  postgresSettings?: Record<string, string>;
  temporalArguments?: string[];
  onProgress?: (line: string) => void;
}

export interface Stack {
  stateDir: string;
  postgres: { host: string; port: number; user: string; url(database: string): string };
  mariadb: { host: string; port: number; user: 'root' };
  ssh: {
    host: string;
    port: number;
    user: string;
    privateKeyFile: string;
    hostKeyFingerprint: string;
    /** MariaDB's port as the legacy host itself sees it. */
    mysqlPort: number;
    /** On the legacy host, and goes with the stack: for dumps. */
    dumpDirectory: string;
  };
  redis: { host: string; port: number; url: string };
  temporal: { address: string; uiUrl: string; binary: string; namespace: 'default' };
  server(name: ServerName): ServerHandle;
  /** Ends every server. The data stays when the stack is durable. */
  stop(): Promise<void>;
  /** stop(), then removes the state folder. */
  destroy(): Promise<void>;
}

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
