/**
 * What has to happen in one step, as scripts. All keys of a topic are in one slot of a cluster.
 *
 * Who has a message is what its group's pending entries say: owner, deliveries, idle time. What waits, released or for
 * its next try, stays there too, in the hands of a consumer that nobody is: so neither trimming nor a lease takes
 * it. When it is due stands in a sorted set beside it.
 */
import { Script } from '@ent/internal';

/** Holds what waits. No subscriber has such a name. */
const WAITING = 'ent:waiting';

/**
 * Without it a server at its maxmemory runs no script at all (7.0): nothing could be settled, nor trimmed, and it would
 * stay full.
 */
const WHEN_FULL = '#!lua flags=allow-oom';

/** How many pending entries are asked for at the most. One consumer has as many as its prefetch. */
const ALL = 1_000_000;

/** Ids sort as texts when their numbers are equally long. */
const IDS = `
local function padded(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return string.rep('0', 20 - #ms) .. ms .. '-' .. string.rep('0', 20 - #seq) .. seq
end
local function plain(member)
  return (string.gsub(string.gsub(member, '^0+(%d)', '%1'), '-0+(%d)', '-%1'))
end
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function fields(flat)
  local named = {}
  for i = 1, #flat, 2 do named[flat[i]] = flat[i + 1] end
  return named
end
`;

/**
 * Makes a group where it is missing. One that was destroyed gets all that it had not done when that was noted last,
 * never only what is new; a stream that was deleted gets all its groups again, before anybody can add to it.
 * KEYS: stream, floors, later. ARGV: group; where one begins that is new: `$`, or 0; for how many milliseconds, or 0.
 */
export const ensureGroup = new Script(`${IDS}
if redis.call('EXISTS', KEYS[1]) == 0 then
  for _, group in ipairs(redis.call('HKEYS', KEYS[2])) do
    redis.call('XGROUP', 'CREATE', KEYS[1], group, '0', 'MKSTREAM')
    redis.call('HSET', KEYS[2], group, '0-0')
  end
end
local floor = redis.call('HGET', KEYS[2], ARGV[1])
local create = { 'XGROUP', 'CREATE', KEYS[1], ARGV[1], floor or ARGV[2], 'MKSTREAM' }
if not floor and ARGV[2] == '$' and redis.call('EXISTS', KEYS[1]) == 1 then
  -- Or its lag is unknown until it has read to the end.
  create[7] = 'ENTRIESREAD'
  create[8] = fields(redis.call('XINFO', 'STREAM', KEYS[1]))['entries-added']
end
local made = redis.pcall(unpack(create))
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
if ARGV[3] ~= '0' then
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[3]) end
end
if floor then return 1 end
local last = fields(redis.call('XINFO', 'STREAM', KEYS[1]))['last-generated-id']
redis.call('HSET', KEYS[2], ARGV[1], (made.err or ARGV[2] == '0') and '0-0' or last)
return 1`);

/**
 * Adds messages to a stream that is there. KEYS: stream. ARGV: of each message meta and body. Answers how many are
 * stored, from the first on, and what kept the next one from it, if it was not that there is no stream.
 */
export const addAll = `#!lua
for i = 1, #ARGV, 2 do
  local id = redis.pcall('XADD', KEYS[1], 'NOMKSTREAM', '*', 'meta', ARGV[i], 'body', ARGV[i + 1])
  if not id then return { (i - 1) / 2 } end
  if id.err then return { (i - 1) / 2, id.err } end
end
return { #ARGV / 2 }`;

/**
 * Takes what is due, and from other consumers what they had for longer than their lease: they have died. A consumer
 * that has nothing is removed some time after its last sign of life, which a living one does not notice.
 * KEYS: stream, later. ARGV: group, consumer, how many, lease or '' for what is due alone.
 *
 * Answers the milliseconds until the next one is due, or -1; then of each message id, deliveries, fields.
 */
export const takeBack = new Script(`${WHEN_FULL}${IDS}
local stream, later, group, me, room, lease = KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local time, taken = now(), { -1 }

-- An entry that was deleted is dropped from the pending ones (Redis 7), and does not come.
local function take(id, deliveries)
  local entry = redis.call('XCLAIM', stream, group, me, 0, id)[1]
  if not entry then return end
  table.insert(taken, { entry[1], deliveries + 1, entry[2] })
  room = room - 1
end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', later, '-inf', time, 'LIMIT', 0, room)) do
  redis.call('ZREM', later, member)
  local id = plain(member)
  local pending = redis.call('XPENDING', stream, group, id, id, 1)[1]
  if pending and pending[2] == '${WAITING}' then take(id, pending[4]) end
end

if lease ~= '' then
  for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    local consumer = fields(flat)
    if consumer.name == '${WAITING}' then
      -- The sorted set was lost.
      if consumer.pending > redis.call('ZCARD', later) then
        for _, pending in ipairs(redis.call('XPENDING', stream, group, '-', '+', consumer.pending, consumer.name)) do
          redis.call('ZADD', later, 'NX', time, padded(pending[1]))
        end
      end
    elseif consumer.pending > 0 then
      if room > 0 then
        for _, pending in ipairs(redis.call('XPENDING', stream, group, 'IDLE', lease, '-', '+', room, consumer.name)) do
          take(pending[1], pending[4])
        end
      end
    elseif consumer.name ~= me and consumer.idle > lease * 20 then
      redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer.name)
    end
  end
end

local first = redis.call('ZRANGE', later, 0, 0, 'WITHSCORES')
if first[2] then taken[1] = math.max(0, first[2] - time) end
return taken`);

/**
 * Settles what the consumer still has, and nothing else. KEYS: stream, later. ARGV: group, consumer, first and last id,
 * how many are done; the ids of those; then of each of the others id, delay, and 1 where it was tried.
 * Answers the ids that it has no more.
 */
export const settleMine = new Script(`${WHEN_FULL}${IDS}
local stream, later, group, me, done = KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[5])
local mine, acks, stale = {}, {}, {}
for _, pending in ipairs(redis.call('XPENDING', stream, group, ARGV[3], ARGV[4], ${ALL}, me)) do
  mine[pending[1]] = pending[4]
end
for i = 6, 5 + done do
  if mine[ARGV[i]] then table.insert(acks, ARGV[i]) else table.insert(stale, ARGV[i]) end
end
if #acks > 0 then redis.call('XACK', stream, group, unpack(acks)) end
for i = 6 + done, #ARGV, 3 do
  local id, delay = ARGV[i], tonumber(ARGV[i + 1])
  local deliveries = mine[id]
  -- The next one who takes it is counted: what was not tried loses one before.
  if deliveries and ARGV[i + 2] == '0' then deliveries = math.max(0, deliveries - 1) end
  local moved = deliveries
    and redis.call('XCLAIM', stream, group, '${WAITING}', 0, id, 'RETRYCOUNT', deliveries, 'JUSTID')[1]
  if moved then
    redis.call('ZADD', later, delay == 0 and 0 or now() + delay, padded(id))
  else
    table.insert(stale, id)
  end
end
return stale`);

/**
 * Begins the leases of what the consumer still has anew: claiming alone would take it back from whoever has it by now.
 * KEYS: stream. ARGV: group, consumer, first and last id, ids. Answers as above.
 */
export const renewMine = new Script(`${WHEN_FULL}
local mine, kept, stale = {}, {}, {}
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[4], ${ALL}, ARGV[2])) do
  mine[pending[1]] = true
end
for i = 5, #ARGV do
  if mine[ARGV[i]] then table.insert(kept, ARGV[i]) else table.insert(stale, ARGV[i]) end
end
if #kept > 0 then
  local arguments = { 'XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(kept) }
  table.insert(arguments, 'JUSTID')
  redis.call(unpack(arguments))
end
return stale`);

/**
 * Gives back all that a consumer has, and removes it: with what it has it would lose that. KEYS: stream, later. ARGV:
 * group, consumer, and 1 where its deliveries count as attempts, 0 where they do not.
 */
export const leaveGroup = new Script(`${WHEN_FULL}${IDS}
local stream, later, group, me = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
for _, pending in ipairs(redis.call('XPENDING', stream, group, '-', '+', ${ALL}, me)) do
  local deliveries = math.max(0, pending[4] - 1 + ARGV[3])
  local moved =
    redis.call('XCLAIM', stream, group, '${WAITING}', 0, pending[1], 'RETRYCOUNT', deliveries, 'JUSTID')[1]
  if moved then redis.call('ZADD', later, 0, padded(pending[1])) end
end
redis.call('XGROUP', 'DELCONSUMER', stream, group, me)
return 1`);

/**
 * Drops what every group has done, and notes for each up to where that is. A group that was destroyed counts with what
 * was noted last, until somebody removes it from the notes. KEYS: stream, floors.
 */
export const trimStream = new Script(`${WHEN_FULL}
local stream, floors = KEYS[1], KEYS[2]
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local function before(id)
  local ms, seq = parts(id)
  if seq > 0 then return string.format('%.0f-%.0f', ms, seq - 1) end
  return string.format('%.0f-18446744073709551615', ms - 1)
end
local needed
local function need(id)
  if not needed then needed = id return end
  local ms, seq = parts(id)
  local least, leastSeq = parts(needed)
  if ms < least or (ms == least and seq < leastSeq) then needed = id end
end
local noted, there = redis.call('HGETALL', floors), {}
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local group = {}
  for i = 1, #flat, 2 do group[flat[i]] = flat[i + 1] end
  there[group.name] = group['last-delivered-id']
  if group.pending > 0 then there[group.name] = before(redis.call('XPENDING', stream, group.name)[2]) end
  need(there[group.name])
end
for i = 1, #noted, 2 do
  local floor = there[noted[i]]
  if floor then redis.call('HSET', floors, noted[i], floor) else need(noted[i + 1]) end
end
if not needed then return 0 end
return redis.call('XTRIM', stream, 'MINID', '~', needed)`);

/**
 * What a group has. KEYS: stream, later. ARGV: group. Answers nothing where there is no such group; else how many are
 * ready, delayed, and with somebody. The lag is unknown to Redis after a deletion, and for a group that began in the
 * midst of a stream (7.0): then the entries after the last one that it got, whose id is answered too, are to be added.
 */
export const countGroup = new Script(`#!lua flags=no-writes,allow-oom
${IDS}
local stream, later = KEYS[1], KEYS[2]
if redis.call('EXISTS', stream) == 0 then return {} end
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local group = fields(flat)
  if group.name == ARGV[1] then
    local waiting, due = redis.call('ZCARD', later), redis.call('ZCOUNT', later, '-inf', now())
    local counted = { (group.lag or 0) + due, waiting - due, math.max(0, group.pending - waiting) }
    if not group.lag then table.insert(counted, group['last-delivered-id']) end
    return counted
  end
end
return {}`);

/**
 * Counts the entries after one, a thousand at the most, and fewer where they are long: whoever counts has to read them,
 * and nobody else is served meanwhile. KEYS: stream. ARGV: id. Answers how many, and the last id where there are more.
 */
export const countEntries = new Script(`#!lua flags=no-writes,allow-oom
local count, bytes, last = 0, 0, ARGV[1]
repeat
  local some = redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 10)
  count = count + #some
  for _, entry in ipairs(some) do
    last = entry[1]
    for _, text in ipairs(entry[2]) do bytes = bytes + #text end
  end
  if #some < 10 then return { count } end
until count >= 1000 or bytes > 1048576
return { count, last }`);

/** The first entries of a group: those that are pending, then the new ones. KEYS: stream. ARGV: group, how many. */
export const browseGroup = new Script(`#!lua flags=no-writes,allow-oom
${IDS}
local stream, most, found = KEYS[1], tonumber(ARGV[2]), {}
if redis.call('EXISTS', stream) == 0 then return found end
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local group = fields(flat)
  if group.name == ARGV[1] then
    for _, pending in ipairs(redis.call('XPENDING', stream, group.name, '-', '+', most)) do
      local entry = redis.call('XRANGE', stream, pending[1], pending[1])[1]
      if entry then table.insert(found, entry) end
    end
    if #found < most then
      local from = '(' .. group['last-delivered-id']
      for _, entry in ipairs(redis.call('XRANGE', stream, from, '+', 'COUNT', most - #found)) do
        table.insert(found, entry)
      end
    end
  end
end
return found`);

/** Removes a group, and with the last one its topic. KEYS: stream, floors, later. ARGV: group. */
export const removeGroup = new Script(`${WHEN_FULL}
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1]) end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[3])
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('DEL', KEYS[1]) end
return 1`);
