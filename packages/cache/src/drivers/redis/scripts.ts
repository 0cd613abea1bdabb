import { Script } from '@ent/internal';

/**
 * Writes if the value still has this SHA-1, which is that of no bytes for what is no text. ARGV: digest, value,
 * milliseconds or ''. Answers 1 or 0.
 */
export const setIfVersion = new Script(`
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' then value = '' end
if value == false or redis.sha1hex(value) ~= ARGV[1] then return 0 end
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1`);

/**
 * Adds to a counter and keeps its TTL; INCRBY alone could not give a new counter one in the same step. ARGV: by, start
 * (the sum for an absent key, '' when it would overflow), milliseconds or '', and the new suffix: versions are digests,
 * and a counter comes back to what it was. One without a suffix stays so. Answers the sum as text, since node-redis
 * rounds integer replies next to 2^53, and its PTTL; or why not.
 *
 * Sums are compared as doubles: exact up to 2^53, and beyond that still beyond the limit.
 */
export const incrementCounter = new Script(`
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' then return 'other' end
if value == false then
  if ARGV[2] == '' then return 'overflow' end
  if ARGV[3] == '' then
    redis.call('SET', KEYS[1], ARGV[2] .. ARGV[4])
  else
    redis.call('SET', KEYS[1], ARGV[2] .. ARGV[4], 'PX', ARGV[3])
  end
  return {ARGV[2], redis.call('PTTL', KEYS[1])}
end
local digits, suffix = string.match(value, '^(%-?%d+)(.*)$')
if digits ~= '0' and not string.match(digits or '', '^%-?[1-9]%d*$') or #digits > 17 then return 'other' end
if suffix ~= '' and (#suffix ~= #ARGV[4] or string.sub(suffix, 1, 1) ~= '~') then return 'other' end
local sum = tonumber(digits) + tonumber(ARGV[1])
if sum > 9007199254740991 or sum < -9007199254740991 then return 'overflow' end
local text = string.format('%.0f', sum)
if suffix ~= '' then
  redis.call('SET', KEYS[1], text .. ARGV[4], 'KEEPTTL')
else
  redis.call('INCRBY', KEYS[1], ARGV[1])
end
return {text, redis.call('PTTL', KEYS[1])}`);
