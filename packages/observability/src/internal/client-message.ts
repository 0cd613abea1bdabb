/** Of `node:http` and of undici, which is behind `fetch`; each message is about one request, and has it. */
export interface Message<Request> {
  readonly request: Request;
  readonly response?: { readonly statusCode?: number };
  readonly error?: unknown;
}
