/**
 * Places for SSH connections at one legacy server, shared by every worker process: the limit is the server's, not the process's.
 * The pool holds one permit per open connection and gives it back after the connection has closed.
 */
export interface ConnectionPermits {
  /** Waits for a place, and tells the processes that have one. Rejects with the signal's reason. */
  acquire(signal?: AbortSignal): Promise<ConnectionPermit>;
}

export interface ConnectionPermit {
  release(): Promise<void>;
  /** `callback` runs, again and again, while another process waits for a place. */
  onWanted(callback: () => void): void;
  /** The place was taken away, because its lease ended while this process stood still: the connection must be closed immediately. */
  onLost(callback: () => void): void;
}
