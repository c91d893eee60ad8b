import { longestValue } from "./store.js";

// Each of them is one step for everybody: Redis runs a script without anything in between. The keys of one entry have a
// hash tag in common, so that a cluster has them in one place. A user that may not publish is no reason to fail: whoever
// waits looks by itself too.

const tell = "redis.pcall('PUBLISH', ARGV[1], '')";

// Something else may have put a list, say, under a key of ours. Then and for what is too long the text is empty: it does not
// open, and is replaced and deleted like any other value that does not. Any other error is raised by the second GET.
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

// 0 for one that is lost, and for what is no number.
const lastFence = "(tonumber(text(KEYS[2]) or '0') or 0)";

/** Value and milliseconds until it is gone, negative for what stays. */
export const read = `${text}
return { text(KEYS[1]), redis.call('PTTL', KEYS[1]) }`;

/** KEYS: value, fence. ARGV: channel, value, milliseconds or 0, fence or 0. */
export const write = `${text}
if ARGV[4] ~= '0' and tonumber(ARGV[4]) < ${lastFence} then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
${tell}
return 1`;

/** KEYS: value. ARGV: channel. */
export const remove = `
redis.call('DEL', KEYS[1])
${tell}
return 1`;

/** KEYS: value. ARGV: channel, the value that it has to be. */
export const compareAndRemove = `${text}
if text(KEYS[1]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
${tell}
return 1`;

/**
 * KEYS: lock, fence. ARGV: owner, milliseconds. Gives the fence, or nothing when somebody has the lock. What has another type
 * or no expiry is no lock of ours, and would stay for ever. The time of the server keeps fences growing where the last one
 * was lost.
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
${tell}
return 1`;
