import { describeWithEachCache } from './caches.ts';
import { testUsers } from './users-suite.ts';

describeWithEachCache((cache) => testUsers(() => ({ CACHE_URL: cache.url })));
