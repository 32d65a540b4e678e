/** JSON texts by stop: `nodes[i]` and `neighbors[i]` belong to `stopIds[i]`; ids ascend in code units. */
export interface StoredContent {
  stopIds: string[];
  nodes: string[];
  neighbors: string[];
}

/** Stored beside a version's texts. It says what they are and what they were made from. */
export interface GraphManifest {
  nodes: number;
  edges: number;
  sha256: string;
  datasetVersion: string;
  fingerprint: string;
}
