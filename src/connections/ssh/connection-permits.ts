/**
 * Places for SSH connections at one legacy server, shared by every worker process: the limit is the server's, not the process's.
 * The pool holds one permit per open connection and gives it back after the connection has closed.
 */
export interface ConnectionPermits {
  /** Waits for a place, and lets the holders know that someone waits. Rejects with the signal's reason. */
  acquire(signal?: AbortSignal): Promise<ConnectionPermit>;
}

export interface ConnectionPermit {
  release(): Promise<void>;
  /** `callback` runs, again and again, while another process waits for a place. */
  onWanted(callback: () => void): void;
  /** The place was taken away (its lease ran out while this process stood still): the connection has to go at once. */
  onLost(callback: () => void): void;
}
