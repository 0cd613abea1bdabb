/**
 * OpenSearch and Elasticsearch by their HTTP API: GET alone, so that nothing can be changed whatever the login may do.
 */
import { refuseUnknown } from '@ent/internal';
import { z } from 'zod';
import { mcpErrors } from '../errors.ts';
import { Endpoint } from '../internal/endpoint.ts';
import { defineTool, type Tool } from '../tool.ts';

/** Options of {@link opensearchTools}. */
export interface OpensearchOptions {
  /** `http://user:password@host:9200`. */
  readonly url: string;
}

// No name of the API (those begin with "_"), no path, no other cluster, no arithmetic with dates.
const Indices = z
  .string()
  .max(255)
  .regex(/^[a-z0-9.*][a-z0-9._*,-]*$/, 'must be the name of an index or data stream, or a pattern such as logs-ent-*');

/**
 * The tools `opensearch_cluster`, `opensearch_indices`, `opensearch_mapping` and `opensearch_search`.
 *
 * @throws `mcp.invalid_options` for a URL that is none
 * @example
 * ```ts
 * import { createMcp } from '@ent/mcp';
 * import { opensearchTools } from '@ent/mcp/opensearch';
 *
 * const tools = opensearchTools({ url: 'http://127.0.0.1:9200' });
 * console.log(createMcp({ name: 'logs', version: '1.0.0', tools }).tools.length); // 4
 * ```
 */
export function opensearchTools(options: OpensearchOptions): Tool[] {
  refuseUnknown(options, { url: true }, 'opensearchTools', mcpErrors.invalid_options);
  const api = new Endpoint('OpenSearch', 'opensearchTools: url', options.url);
  const secrets = (): readonly string[] => api.secrets;

  const cluster = defineTool({
    name: 'opensearch_cluster',
    title: 'Cluster',
    description: 'The version of OpenSearch or Elasticsearch, and the health of the cluster: status, nodes, shards.',
    input: z.object({}),
    secrets,
    async run(_args, { signal }) {
      const [about, health] = await Promise.all([api.get([], {}, signal), api.get(['_cluster', 'health'], {}, signal)]);
      const { cluster_name: name, version } = about as { cluster_name?: unknown; version?: unknown };
      return { name, version, health };
    },
  });
  const indices = defineTool({
    name: 'opensearch_indices',
    title: 'Indices',
    description: 'The indices, those of data streams included: health, documents, bytes.',
    input: z.object({ pattern: Indices.default('*') }),
    secrets,
    run: ({ pattern }, { signal }) =>
      api.get(
        ['_cat', 'indices', pattern],
        { format: 'json', bytes: 'b', h: 'index,health,status,docs.count,store.size,creation.date.string', s: 'index' },
        signal,
      ),
  });
  const mapping = defineTool({
    name: 'opensearch_mapping',
    title: 'Fields',
    description: 'The fields of indices and their types. Ask it before a search.',
    input: z.object({ index: Indices }),
    secrets,
    run: ({ index }, { signal }) => api.get([index, '_mapping'], {}, signal),
  });
  const search = defineTool({
    name: 'opensearch_search',
    title: 'Search',
    description:
      'Documents that fit a query in the syntax of Lucene, such as log.level:error AND @timestamp:[now-1h TO now]; newest first with ' +
      'sort "@timestamp:desc".',
    input: z.object({
      index: Indices,
      query: z.string().min(1).max(2000).default('*'),
      size: z.int().min(1).max(100).default(10),
      from: z.int().min(0).max(9900).default(0),
      sort: z
        .string()
        .max(200)
        .regex(/^[\w.@-]+:(asc|desc)$/, 'must be a field and a direction, such as @timestamp:desc')
        .optional(),
      fields: z.array(z.string().min(1).max(200)).max(50).optional().describe('Only these fields.'),
    }),
    secrets,
    async run({ index, query, size, from, sort, fields }, { signal }) {
      const { hits, timed_out: timedOut } = (await api.get(
        [index, '_search'],
        {
          q: query,
          size: String(size),
          from: String(from),
          track_total_hits: '10000',
          timeout: '5s',
          ...(sort !== undefined && { sort }),
          ...(fields !== undefined && { _source: fields.join(',') }),
        },
        signal,
      )) as Found;
      const found = hits.hits.map(({ _index, _id, _source }) => ({ index: _index, id: _id, document: _source }));
      return { total: hits.total, timedOut, found };
    },
  });
  return [cluster, indices, mapping, search];
}

/** What is read of an answer to a search. */
interface Found {
  readonly timed_out: boolean;
  readonly hits: {
    readonly total: unknown;
    readonly hits: readonly { readonly _index: string; readonly _id: string; readonly _source: unknown }[];
  };
}
