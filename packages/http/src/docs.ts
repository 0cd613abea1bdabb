import { refuseUnknown } from '@ent/internal';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { entityTag } from '@ent/middleware';
import { httpErrors } from './errors.ts';
import { demandList } from './internal/demand.ts';
import { CSS, type Page, pageHtml, REDOC, SCRIPT, SWAGGER_UI } from './internal/docs-pages.ts';
import { type Logo, type LogoFile, logoUrl, readLogo } from './internal/logo.ts';
import { OPENAPI_OPTIONS } from './internal/openapi-options.ts';
import { demandPrefix } from './mount.ts';
import { type OpenApiDocument, type OpenApiOptions, openapi } from './openapi.ts';
import { reply } from './responses.ts';
import { type Route, route } from './route.ts';

/** What {@link docs} serves. */
export interface DocsOptions extends OpenApiOptions {
  /** Pages to serve: `swagger-ui` at `/docs`, `redoc` at `/redoc`. Each needs its package. Default: both. */
  readonly pages?: readonly ('swagger-ui' | 'redoc')[] | undefined;
  /**
   * The path that a proxy in front takes off before it hands a request on, such as `/shop`: the pages and the document
   * are there for a browser. A prefix by `mount` needs no word. Default: none. No header of a request is asked for it.
   */
  readonly basePath?: string | undefined;
  /**
   * Picture of the pages: a file, which is read when the service starts and served from here, or a URL that begins with
   * `data:image/`. Default: none.
   */
  readonly logo?: string | URL | undefined;
}

/**
 * Routes for an OpenAPI document at `/openapi.json`, and for pages that show
 * it: Swagger UI at `/docs`, ReDoc at `/redoc`.
 *
 * Everything is served from here, out of the packages `swagger-ui-dist` and `redoc`; the pages' Content-Security-Policy
 * lets them talk to no other host. These routes are for everyone, and are not in the document.
 *
 * @throws `http.invalid_options` when the package of a page is not installed; what {@link openapi} throws
 * @example
 * ```ts no-run
 * import { createListener, type Route } from '@ent/http';
 * import { docs } from '@ent/http/docs';
 *
 * declare const routes: Route[];
 * const listener = createListener([...routes, ...docs(routes, { title: 'Users', version: '1.0.0' })]);
 * ```
 */
export function docs(routes: readonly Route[], options: DocsOptions): Route[] {
  refuseUnknown(options, DOCS_OPTIONS, 'docs', httpErrors.invalid_options);
  const { pages = ['swagger-ui', 'redoc'], basePath = '', logo: picture, ...about } = options;
  demandList(pages, 'docs: pages');
  const logo = picture === undefined ? undefined : readLogo(picture);
  if (basePath !== '') demandPrefix(basePath, 'docs: basePath');
  const documentAt = (base: string): OpenApiDocument => {
    const document = openapi(routes, { ...about, servers: about.servers ?? [{ url: base === '' ? '/' : base }] });
    if (logo === undefined || !pages.includes('redoc')) return document;
    const url = logoUrl(logo, base + REDOC.path);
    return { ...document, info: { ...document.info, 'x-logo': { url, altText: about.title } } };
  };
  // Now, so that a mistake stops the start.
  const document = documentAt(basePath);
  return [
    file('/openapi.json', 'application/json', 'no-cache', basePath, (base) =>
      JSON.stringify(base === basePath ? document : documentAt(base)),
    ),
    ...pages.flatMap((name) => {
      const page = name === 'redoc' ? REDOC : SWAGGER_UI;
      const routesOfPage = pageRoutes(page, about.title, basePath, page.showsLogo ? undefined : logo);
      return logo === undefined || 'url' in logo ? routesOfPage : [...routesOfPage, logoRoute(page.path, logo)];
    }),
  ];
}

const DOCS_OPTIONS = { ...OPENAPI_OPTIONS, pages: true, basePath: true, logo: true } as const;

function pageRoutes(page: Page, title: string, basePath: string, logo: Logo | undefined): Route[] {
  const { directory, version } = locate(page.package);
  // Edited in another way it is another file.
  const tag = entityTag(`${page.package}@${version} ${String(page.edit)}`);
  const names = Object.keys(page.assets);
  return [
    file(page.path, 'text/html; charset=utf-8', 'no-cache', basePath, (base) => pageHtml(page, title, base, logo), {
      'content-security-policy': page.policy,
    }),
    file(`${page.path}/page.css`, CSS, 'no-cache', basePath, () => page.css),
    file(`${page.path}/start.js`, SCRIPT, 'no-cache', basePath, page.start),
    ...names.map((name) =>
      asset(`${page.path}/${name.split('/').at(-1)}`, page.assets[name] as string, tag, async () => {
        const content = await readFile(join(directory, name));
        return page.edit === undefined ? content : page.edit(content);
      }),
    ),
  ];
}

/** A route for a text that has paths of other files in it, which begin where it is itself mounted. */
function file(
  path: string,
  contentType: string,
  caching: string,
  basePath: string,
  write: (base: string) => string,
  headers?: Readonly<Record<string, string>>,
): Route {
  // For each place where the route is mounted: as a rule one.
  const written = new Map<string, { readonly text: string; readonly etag: string }>();
  return route({
    method: 'GET',
    path,
    auth: false,
    hidden: true,
    responses: { 200: { contentType } },
    handler: ({ exchange }) => {
      const base = basePath + (exchange.route ?? path).slice(0, -path.length);
      let found = written.get(base);
      if (found === undefined) {
        const text = write(base);
        found = { text, etag: entityTag(text) };
        written.set(base, found);
      }
      return reply(200, found.text, { ...headers, etag: found.etag, 'cache-control': caching });
    },
  });
}

function logoRoute(directory: string, { name, type, content }: LogoFile): Route {
  const etag = entityTag(content);
  // What an SVG has in it runs where it is opened by itself.
  const policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
  return route({
    method: 'GET',
    path: `${directory}/${name}`,
    auth: false,
    hidden: true,
    responses: { 200: { contentType: type } },
    handler: () => reply(200, content, { etag, 'cache-control': 'no-cache', 'content-security-policy': policy }),
  });
}

/** A route for a file of a package, under the entity tag of its version. It is read once, when somebody asks. */
function asset(path: string, contentType: string, etag: string, read: () => Promise<Buffer>): Route {
  let content: Promise<Buffer> | undefined;
  const readOnce = async (): Promise<Buffer> => {
    content ??= read();
    try {
      return await content;
    } catch (error) {
      content = undefined;
      throw error;
    }
  };
  return route({
    method: 'GET',
    path,
    auth: false,
    hidden: true,
    responses: { 200: { contentType } },
    handler: async () => reply(200, await readOnce(), { etag, 'cache-control': 'public, max-age=3600' }),
  });
}

function locate(name: string): { directory: string; version: string } {
  // A bundle in CommonJS has no URL of its own; what it needs beside itself is installed where it is started.
  const here: string | undefined = import.meta.url;
  const packages = createRequire(here ?? join(process.cwd(), 'package.json'));
  try {
    const manifest = packages.resolve(`${name}/package.json`);
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    return { directory: dirname(manifest), version };
  } catch (cause) {
    throw httpErrors.invalid_options(
      `docs: the package "${name}" is not installed: npm install ${name}, or leave its page out of "pages".`,
      { cause },
    );
  }
}
