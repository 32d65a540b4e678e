/** The only key that readers share: which version is live. */
export const GRAPH_POINTER = 'graph:version';
/** Versions that may have keys, scored by the time they were begun or left: what a dead builder left is found without SCAN. */
export const GRAPH_VERSIONS = 'graph:versions';

/** Keys of one version, in the spec's format; with `tag` all of them share one slot of a Redis Cluster. */
export interface GraphKeys {
  nodes: string;
  /** Manifest: written first, deleted first. A version without it is gone or not yet there. */
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
