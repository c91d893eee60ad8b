import { longestValue } from "./store.js";

// Redis runs each script as one atomic step. The keys of one entry share a hash tag, so that a cluster keeps them on
// one node. If the user has no permission to publish, the scripts still succeed: waiting processes also poll.

const notify = "redis.pcall('PUBLISH', ARGV[1], '')";

// Another program may have stored, say, a list under a key of ours. Such a value, and one that is too long, counts as
// an empty text: it cannot be decrypted, and is replaced and deleted like any other such value. The second GET raises
// any other error.
const text = `
local function text(key)
  local found = redis.pcall('GET', key)
  if type(found) == 'table' and found.err then
    if string.find(found.err, 'WRONGTYPE', 1, true) then return '' end
    return redis.call('GET', key)
  end
  if found and #found > ${longestValue} then return '' end
  return found
end`;

// The last fence; 0 if it is lost or is not a number.
const lastFence = "(tonumber(text(KEYS[2]) or '0') or 0)";

/** KEYS: value. Returns the value and the milliseconds until it expires; negative if it does not expire. */
export const read = `${text}
return { text(KEYS[1]), redis.call('PTTL', KEYS[1]) }`;

/** KEYS: value, fence. ARGV: channel, value, milliseconds or 0, fence or 0. */
export const write = `${text}
if ARGV[4] ~= '0' and tonumber(ARGV[4]) < ${lastFence} then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
${notify}
return 1`;

/** KEYS: value. ARGV: channel. */
export const remove = `
redis.call('DEL', KEYS[1])
${notify}
return 1`;

/** KEYS: value. ARGV: channel, expected value. */
export const compareAndRemove = `${text}
if text(KEYS[1]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
${notify}
return 1`;

/**
 * KEYS: lock, fence. ARGV: owner, milliseconds. Returns the fence, or nothing if another process holds the lock. A key
 * with another type or without an expiry is not a lock of ours; it is deleted, because it would stay forever. Fences
 * contain the time of the server, so that they grow even if the last one was lost.
 */
export const acquire = `${text}
local function take() return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) end
if not take() then
  if text(KEYS[1]) ~= '' and redis.call('PTTL', KEYS[1]) ~= -1 then return false end
  redis.call('DEL', KEYS[1])
  take()
end
local time = redis.call('TIME')
local last = ${lastFence}
local fence = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
redis.call('SET', KEYS[2], fence, 'PX', 604800000)
return fence`;

/** KEYS: lock. ARGV: owner, milliseconds. */
export const renew = `${text}
if text(KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** KEYS: lock. ARGV: channel, owner. */
export const release = `${text}
if text(KEYS[1]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
${notify}
return 1`;
