/** The only key that readers share. It says which version is live. */
export const GRAPH_POINTER = 'graph:version';
/**
 * Versions that may have keys, scored by the time at which they were begun or left. With this list, the keys of a dead builder are found
 * without SCAN.
 */
export const GRAPH_VERSIONS = 'graph:versions';

/** Keys of one version, in the spec's format. With `tag`, all of them share one slot of a Redis Cluster. */
export interface GraphKeys {
  nodes: string;
  /** The manifest is written first and deleted first. A version without a manifest is gone or not yet complete. */
  meta: string;
  node(stopId: string): string;
  neighbors(stopId: string): string;
}

export function graphKeys(version: string, tag: boolean): GraphKeys {
  const prefix = tag ? `graph:{${version}}` : `graph:${version}`;
  return {
    nodes: `${prefix}:nodes`,
    meta: `${prefix}:meta`,
    node: (stopId) => `${prefix}:node:${stopId}`,
    neighbors: (stopId) => `${prefix}:neighbors:${stopId}`,
  };
}
