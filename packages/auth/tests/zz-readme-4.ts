import { createThrottle } from '@ent/auth';
import { memoryThrottleStore } from '@ent/auth/stores';

const throttle = createThrottle({ store: memoryThrottleStore() });
const attempt = await throttle.attempt({ address: '192.0.2.1', account: 'ann@example.com' }); // may throw auth.too_many_attempts
await attempt.succeeded(); // after the right password: gives the attempt back
