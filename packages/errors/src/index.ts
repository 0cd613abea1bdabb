// A first cut so that the other packages can build on the names; finished in the next commits.
export interface ErrorOptions {
  cause?: unknown;
  issues?: readonly Issue[];
  details?: Record<string, unknown>;
  retryAfterMs?: number;
  status?: number;
  code?: string;
}
export interface Issue {
  pointer: string;
  in?: 'body' | 'query' | 'path' | 'header' | 'cookie' | 'config';
  code: string;
  detail: string;
}
