/**
 * What the core adds for a backend outside this process: the bytes of records, deadlines and a circuit breaker, joined reads, leases, the
 * local tier. A driver of such a backend hands it on, so that a cache in memory does not carry it.
 *
 * @example
 * ```ts no-run
 * import type { CacheDriver } from '@ent/cache';
 * import { remote } from '@ent/cache/remote';
 *
 * class ValkeyDriver implements Partial<CacheDriver> {
 *   readonly name = 'valkey';
 *   readonly remote = remote;
 * }
 * ```
 */
import { decodeRecords, encodeRecord } from './internal/codec.ts';
import { JoinedReads } from './internal/joined-reads.ts';
import { Leases } from './internal/leases.ts';
import { RemoteGuard } from './internal/remote-guard.ts';
import { openTier } from './internal/tier.ts';

/** For {@link CacheDriver.remote}; what it holds is the core's business. */
export const remote = { decodeRecords, encodeRecord, JoinedReads, Leases, openTier, RemoteGuard } as const;

/** The type of {@link remote}. */
export type Remote = typeof remote;
