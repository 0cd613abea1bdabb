import { describe, expect, it } from 'vitest';
import { type Estimate, spread } from '../test-order.ts';

function orderOf(files: Record<string, Estimate>): string[] {
  return spread(Object.keys(files), (name) => files[name] as Estimate);
}

describe('the order of the test files', () => {
  it('begins with the longest', () => {
    const of = (seconds: number): Estimate => ({ seconds, servers: [] });
    expect(orderOf({ a: of(1), b: of(3), c: of(2) })).toEqual(['b', 'c', 'a']);
  });

  it('puts files of different servers side by side, but no short one before a long one', () => {
    const files = {
      cluster: { seconds: 60, servers: ['redis', 'redis-cluster'] },
      redis: { seconds: 50, servers: ['redis'] },
      memcached: { seconds: 40, servers: ['memcached'] },
      late: { seconds: 35, servers: ['redis'] },
      short: { seconds: 5, servers: [] },
    };
    expect(orderOf(files)).toEqual(['cluster', 'memcached', 'redis', 'late', 'short']);
  });
});
