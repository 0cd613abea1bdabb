/** Who imports whom: the nodes are files, or packages. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * The circles of a graph, one for each group of nodes that all reach each other: the shortest way round, from its first
 * node by name back to it, and how many nodes the group has.
 */
export function circlesOf(graph: Graph): { readonly way: readonly string[]; readonly size: number }[] {
  const reach = new Map([...graph.keys()].map((node) => [node, reachable(graph, node)]));
  const seen = new Set<string>();
  const circles: { way: string[]; size: number }[] = [];
  for (const node of [...graph.keys()].sort()) {
    if (seen.has(node) || !reach.get(node)!.has(node)) continue;
    const group = [...reach.get(node)!].filter((other) => reach.get(other)?.has(node)).sort();
    for (const each of group) seen.add(each);
    const ways = group.map((each) => wayRound(graph, each));
    circles.push({ way: ways.reduce((best, way) => (way.length < best.length ? way : best)), size: group.length });
  }
  return circles;
}

/** All nodes that one leads to; itself only by a way round. */
function reachable(graph: Graph, from: string): Set<string> {
  const found = new Set<string>();
  const visit = (node: string): void => {
    for (const next of graph.get(node) ?? []) {
      if (found.has(next)) continue;
      found.add(next);
      visit(next);
    }
  };
  visit(from);
  return found;
}

/** The shortest way from a node of a circle back to it. */
function wayRound(graph: Graph, start: string): string[] {
  let ways: string[][] = [[start]];
  const seen = new Set<string>();
  for (;;) {
    const longer: string[][] = [];
    for (const way of ways) {
      for (const next of [...(graph.get(way.at(-1)!) ?? [])].sort()) {
        if (next === start) return [...way, start];
        if (seen.has(next)) continue;
        seen.add(next);
        longer.push([...way, next]);
      }
    }
    ways = longer;
  }
}
