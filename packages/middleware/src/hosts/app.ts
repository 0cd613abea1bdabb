import type { RequestListener } from 'node:http';
import type { Answer } from '../middleware.ts';
import { remember } from './exchange-of.ts';
import { createNodeListener, type NodeExchange, type NodeHostOptions } from './node.ts';

/** A listener for an application that writes its responses itself, and finds the exchange of a request. */
export function createAppListener(
  serve: (exchange: NodeExchange) => Answer | Promise<Answer>,
  options: NodeHostOptions,
): RequestListener {
  return createNodeListener((exchange) => {
    remember(exchange.req, exchange);
    return serve(exchange);
  }, options);
}

const OF_THE_BODY = [
  'content-encoding',
  'content-language',
  'content-range',
  'content-length',
  'transfer-encoding',
  'etag',
  'last-modified',
];

/** Forgets what was said of a body that is not sent. Other headers stay: cookies, and who may read the answer. */
export function forgetBody(response: { removeHeader(name: string): unknown }): void {
  for (const name of OF_THE_BODY) response.removeHeader(name);
}

/** The pattern of a route as a text; it may be a regular expression. */
export function patternText(pattern: unknown): string {
  return pattern instanceof RegExp ? pattern.source : (pattern as string);
}
