import type { ServerHandle } from './server-process.ts';
import type { ServerName } from './server-spec.ts';

export interface StackOptions {
  stateDir: string;
  /** Default: all of them. Reading the address of a server that was not asked for throws. */
  servers?: ServerName[];
  /** Redis persists and evicts as in production, and the data stays after stop(). Default: everything is wiped. */
  durable?: boolean;
  /** Overrides what `durable` says about the data: for tests that need Redis as in production and leave no data. */
  keepData?: boolean;
  /** 'auto' takes docker compose when an engine answers. */
  from?: 'binaries' | 'auto';
  /** Starts a Temporal server of our own even where TEMPORAL_ADDRESS names one: for tests that kill it. */
  ownTemporal?: boolean;
  sshdExtraConfig?: string[];
  mariadbArguments?: string[];
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
    /** For dumps, on the legacy host; it is removed with the stack. */
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
