export { GraphReader, type PinnedGraph } from '../graph-store/graph-reader.ts';
export { type PathNetwork, type ShortestPath, createPathNetwork } from '../graph/shortest-path.ts';
export type { GraphEdge, GraphNode } from '../graph/transport-graph.ts';
