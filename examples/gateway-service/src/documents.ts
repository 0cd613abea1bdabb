import { entityTag } from '@ent/middleware';
import { reply, type Route, route } from '@ent/http';
import { docs } from '@ent/http/docs';
import type { Logger } from '@ent/logging';
import { z } from 'zod';
import type { RouteTable } from './routes.ts';

/** Of an OpenAPI document what is looked at here. */
const Document = z.looseObject({
  openapi: z.string().startsWith('3.1'),
  paths: z.record(z.string(), z.looseObject({})).default({}),
  components: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  tags: z.array(z.looseObject({ name: z.string() })).default([]),
});
type Document = z.infer<typeof Document>;

export const VERSION = '1.0.0';
const ABOUT = { title: 'Gateway', version: VERSION };

/** One document of all services, and its pages. */
export function documentRoutes(table: RouteTable, logger: Logger): Route[] {
  const serve = route({
    method: 'GET',
    path: '/openapi.json',
    auth: false,
    hidden: true,
    responses: { 200: { contentType: 'application/json' } },
    handler: async () => {
      const text = JSON.stringify(await merged(table, logger));
      return reply(200, text, { etag: entityTag(text), 'cache-control': 'no-cache' });
    },
  });
  return [serve, ...docs([], ABOUT).filter(({ path }) => path !== '/openapi.json')];
}

/** Asks the services for their documents. One that gives none is left out, and comes back when it does. */
async function merged(table: RouteTable, logger: Logger): Promise<Document> {
  const parts = await Promise.all(
    Object.entries(table.services).map(async ([name, { targets, document }]) => {
      if (document === undefined) return [];
      try {
        const response = await fetch(new URL(document, targets[0]), { signal: AbortSignal.timeout(5_000) });
        if (!response.ok) throw new Error(`it answered ${response.status}`);
        return [{ name, document: Document.parse(await response.json()) }];
      } catch (err) {
        logger.warning('the document of a service is left out', { service: name, err });
        return [];
      }
    }),
  );
  return mergeDocuments(parts.flat(), table);
}

/**
 * Puts documents into one: the paths that a route of the gateway leads to, and what they refer to. Two components of
 * one name that are not the same get the names of their services before them.
 */
function mergeDocuments(
  parts: readonly { readonly name: string; readonly document: Document }[],
  table: RouteTable,
): Document {
  const whole: Document = { openapi: '3.1.0', info: ABOUT, paths: {}, components: {}, tags: [] };
  for (const { name, document } of parts) {
    const renamed = clashes(document, whole.components, name);
    const own = renamed.size === 0 ? document : (renameRefs(document, renamed) as Document);
    for (const [kind, components] of Object.entries(own.components)) {
      const target = (whole.components[kind] ??= {});
      for (const [key, value] of Object.entries(components)) target[renamed.get(`${kind}/${key}`) ?? key] = value;
    }
    for (const [path, item] of Object.entries(own.paths)) {
      const leads = table.routes.some((each) => each.service === name && covers(each.prefix, path));
      if (leads) whole.paths[path] = item;
    }
    for (const tag of own.tags) if (!whole.tags.some((other) => other.name === tag.name)) whole.tags.push(tag);
  }
  return whole;
}

function covers(prefix: string, path: string): boolean {
  return path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
}

/** New names, by `kind/name`, of components that others have taken for something else. */
function clashes(document: Document, taken: Document['components'], service: string): Map<string, string> {
  const renamed = new Map<string, string>();
  for (const [kind, components] of Object.entries(document.components)) {
    for (const [key, value] of Object.entries(components)) {
      const other = taken[kind]?.[key];
      if (other !== undefined && JSON.stringify(other) !== JSON.stringify(value))
        renamed.set(`${kind}/${key}`, `${service}.${key}`);
    }
  }
  return renamed;
}

/** The same data with references to the new names. Security schemes are named by key, where requirements stand. */
function renameRefs(value: unknown, renamed: ReadonlyMap<string, string>, parent = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => renameRefs(item, renamed, parent));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key === '$ref' && typeof inner === 'string') {
        const [, kind, name] = /^#\/components\/([^/]+)\/([^/]+)$/.exec(inner) ?? [];
        const other = renamed.get(`${kind}/${name}`);
        return [key, other === undefined ? inner : `#/components/${kind}/${other}`];
      }
      const scheme = parent === 'security' ? renamed.get(`securitySchemes/${key}`) : undefined;
      return [scheme ?? key, renameRefs(inner, renamed, key)];
    }),
  );
}
