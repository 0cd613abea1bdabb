import { Script } from '@ent/internal';

/** Writes if the value still has this SHA-1. ARGV: digest, value, milliseconds or ''. Answers 1 or 0. */
export const setIfVersion = new Script(`
local value = redis.call('GET', KEYS[1])
if value == false or redis.sha1hex(value) ~= ARGV[1] then return 0 end
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1`);

/**
 * Adds to a counter and keeps its TTL; INCRBY alone could not give a new counter one in the same step. ARGV: by, start
 * (the sum for an absent key, '' when it would overflow), milliseconds or ''. Answers the sum as text, since node-redis
 * rounds integer replies next to 2^53, and its PTTL; or why not.
 *
 * Sums are compared as doubles: exact up to 2^53, and beyond that still beyond the limit.
 */
export const incrementCounter = new Script(`
local value = redis.call('GET', KEYS[1])
if value == false then
  if ARGV[2] == '' then return 'overflow' end
  if ARGV[3] == '' then
    redis.call('SET', KEYS[1], ARGV[2])
  else
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  end
  return {ARGV[2], redis.call('PTTL', KEYS[1])}
end
if value ~= '0' and not string.match(value, '^%-?[1-9]%d*$') or #value > 17 then return 'other' end
local sum = tonumber(value) + tonumber(ARGV[1])
if sum > 9007199254740991 or sum < -9007199254740991 then return 'overflow' end
return {string.format('%.0f', redis.call('INCRBY', KEYS[1], ARGV[1])), redis.call('PTTL', KEYS[1])}`);
