/**
 * Places for SSH connections at one legacy server, shared by every worker process: the limit is the server's, not the process's.
 * The pool holds one permit per open connection and gives it back after the connection has closed.
 */
export interface ConnectionPermits {
  /** Waits for a place, and lets the holders know that someone waits. Rejects with the signal's reason. */
  acquire(signal?: AbortSignal): Promise<ConnectionPermit>;
  /** A place if one is free at this moment, else null: growth beyond the first connection never takes one from another process. */
  tryAcquire(): Promise<ConnectionPermit | null>;
}

export interface ConnectionPermit {
  release(): Promise<void>;
  /** `callback` runs, possibly more than once, while another process waits for a place. */
  onWanted(callback: () => void): void;
}
