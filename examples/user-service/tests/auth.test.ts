import { describeWithEachCache } from './caches.ts';
import { testAuth } from './auth-suite.ts';

describeWithEachCache((cache) => testAuth(() => ({ CACHE_URL: cache.url })));
