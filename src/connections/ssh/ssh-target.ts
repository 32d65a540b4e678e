/** The host to connect to and how to verify it. The private key is read for each connection, and never kept. */
export interface SshTarget {
  /** Id of the legacy server, for messages. */
  id: string;
  host: string;
  port: number;
  user: string;
  readKey: () => Promise<Buffer>;
  /** `SHA256:…` as ssh-keygen -l prints it; any of them is accepted. */
  hostKeyFingerprints: string[];
  legacyAlgorithms: boolean;
}

/** Limits as functions, so that a changed setting reaches a running pool. */
export interface SshPoolLimits {
  connections(): number;
  sessionsPerConnection(): number;
  connectTimeoutMs(): number;
  keepaliveMs(): number;
  idleProbeMs(): number;
  idleCloseMs(): number;
}
