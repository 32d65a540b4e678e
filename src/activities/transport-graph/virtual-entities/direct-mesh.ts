import { haversineKm } from '../../../graph/haversine.ts';
import { byCodeUnits } from '../../../graph/transport-graph.ts';
import type { Terminal } from './virtual-plan.ts';

export type TerminalPair = readonly [Terminal, Terminal];

interface Link {
  pair: TerminalPair;
  key: string;
  km: number;
  known: boolean;
}

/** Direct connections between the terminals: all pairs where `maxPairs` allows it, else those that `sparseMesh` chooses. */
export function directMesh(
  terminals: readonly Terminal[],
  maxPairs: number,
  isKnown: (pair: TerminalPair) => boolean,
): TerminalPair[] {
  const all = terminals.flatMap((a, i) => terminals.slice(i + 1).map((b): TerminalPair => [a, b]));
  return all.length <= maxPairs ? all : sparseMesh(terminals, all, { maxPairs, isKnown });
}

/**
 * Chooses spanning trees without a common pair, one after the other, up to `maxPairs` pairs. The first tree connects everything. With k
 * whole trees, the network stays connected when any k - 1 connections are lost. Existing pairs come first, so that one more city leaves the
 * others as they are; then the shortest pairs.
 */
function sparseMesh(
  terminals: readonly Terminal[],
  all: TerminalPair[],
  { maxPairs, isKnown }: { maxPairs: number; isKnown: (pair: TerminalPair) => boolean },
): TerminalPair[] {
  let left = all.map((pair): Link => linkOf(pair, isKnown(pair))).sort(byPreference);
  const chosen: TerminalPair[] = [];
  while (chosen.length < maxPairs && left.length > 0) {
    const tree = spanningTree(terminals, left);
    chosen.push(...[...tree].slice(0, maxPairs - chosen.length).map(({ pair }) => pair));
    left = left.filter((link) => !tree.has(link));
  }
  return chosen;
}

function linkOf(pair: TerminalPair, known: boolean): Link {
  const [a, b] = pair;
  return { pair, key: `${a.stopId} ${b.stopId}`, km: haversineKm(a, b), known };
}

const byPreference = (a: Link, b: Link): number =>
  Number(b.known) - Number(a.known) || a.km - b.km || byCodeUnits(a.key, b.key);

/** Kruskal's algorithm: takes the links in their order, and keeps each link that joins two parts. */
function spanningTree(terminals: readonly Terminal[], links: Link[]): Set<Link> {
  const parent = new Map(terminals.map(({ stopId }) => [stopId, stopId]));
  const rootOf = (id: string): string => {
    let root = id;
    while (parent.get(root) !== root) root = parent.get(root)!;
    parent.set(id, root);
    return root;
  };
  const tree = new Set<Link>();
  for (const link of links) {
    const [a, b] = link.pair.map(({ stopId }) => rootOf(stopId)) as [string, string];
    if (a === b) continue;
    parent.set(a, b);
    tree.add(link);
  }
  return tree;
}
