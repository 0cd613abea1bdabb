import { fileURLToPath } from 'node:url';
import type { Middleware } from '@ent/middleware';
import { staticFiles } from '@ent/middleware/static';

/** Nothing inline, nothing from elsewhere, and no text ever becomes markup. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** The page of administrators at `/admin/`: files for everyone, who learn nothing from them without a login. */
export function adminPage(): Middleware {
  return staticFiles(fileURLToPath(new URL('page/', import.meta.url)), {
    prefix: '/admin/',
    headers: () => ({ 'content-security-policy': POLICY, 'cache-control': 'no-cache' }),
  });
}
