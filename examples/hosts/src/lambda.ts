// A function behind an HTTP API of API Gateway, or a function URL, whose events have format 2.0. Bundled into one file:
// esbuild lambda.ts --bundle --platform=node --format=esm --outfile=index.mjs
import { createFetchHandler } from '@ent/middleware/fetch';
import { middleware } from './middleware.ts';

interface Event {
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly isBase64Encoded: boolean;
  readonly requestContext: { readonly domainName: string; readonly http: { method: string; sourceIp: string } };
}

const answer = createFetchHandler<readonly [Event]>(
  (exchange) => {
    const id = /^\/users\/([^/]+)$/.exec(exchange.path)?.[1];
    if (id === undefined) return { status: 404 };
    exchange.route = '/users/:id';
    if (id === 'broken') throw new Error('what nobody outside is to read');
    return Response.json({ id });
  },
  { middleware, peer: (_request, event) => event.requestContext.http.sourceIp },
);

export async function handler(event: Event) {
  const { rawPath, rawQueryString, headers, body, isBase64Encoded, requestContext } = event;
  const url = new URL(`https://${requestContext.domainName}${rawPath}`);
  url.search = rawQueryString;
  const content = body === undefined ? {} : { body: Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8') };
  const response = await answer(new Request(url, { method: requestContext.http.method, headers, ...content }), event);
  const bytes = Buffer.from(await response.arrayBuffer());
  const [statusCode, cookies] = [response.status, response.headers.getSetCookie()];
  response.headers.delete('set-cookie');
  return {
    statusCode,
    headers: Object.fromEntries(response.headers),
    cookies,
    body: bytes.toString('base64'),
    isBase64Encoded: true,
  };
}
