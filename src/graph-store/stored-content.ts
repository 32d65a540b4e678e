/** JSON texts by stop: `nodes[i]` and `neighbors[i]` belong to `stopIds[i]`; ids ascend in code units. */
export interface StoredContent {
  stopIds: string[];
  nodes: string[];
  neighbors: string[];
}

/** The same as bytes. A load and its check read each text several times, and to turn it into bytes takes longer than all else of that. */
export interface StoredBytes {
  stopIds: string[];
  nodes: Buffer[];
  neighbors: Buffer[];
}

export const bytesOf = ({ stopIds, nodes, neighbors }: StoredContent): StoredBytes => ({
  stopIds,
  nodes: nodes.map((text) => Buffer.from(text)),
  neighbors: neighbors.map((text) => Buffer.from(text)),
});

/** Stored beside a version's texts. It says what they are and what they were made from. */
export interface GraphManifest {
  nodes: number;
  edges: number;
  sha256: string;
  datasetVersion: string;
  fingerprint: string;
}
