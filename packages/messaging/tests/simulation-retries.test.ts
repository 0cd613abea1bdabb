import { describe } from 'vitest';
import { losesNothing } from './simulated.ts';

describe('a broker where everything goes wrong now and then, and the core keeps the retries', () => {
  losesNothing(true);
});
