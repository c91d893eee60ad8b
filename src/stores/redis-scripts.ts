// Each of them is one step for everybody: Redis runs a script without anything in between. The keys of one entry have a
// hash tag in common, so that a cluster has them in one place. A user that may not publish is no reason to fail: whoever
// waits looks by itself too.

const tell = "redis.pcall('PUBLISH', ARGV[1], '')";

/** Value and milliseconds until it is gone, negative for what stays. */
export const read = "return { redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]) }";

/** KEYS: value, fence. ARGV: channel, value, milliseconds or 0, fence or 0. */
export const write = `
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
if ARGV[4] ~= '0' and tonumber(ARGV[4]) < last then return 0 end
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
export const compareAndRemove = `
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
${tell}
return 1`;

/**
 * KEYS: lock, fence. ARGV: owner, milliseconds. Gives the fence, or nothing when somebody has the lock. The time of the
 * server keeps fences growing where the last one was lost.
 */
export const acquire = `
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local fence = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
redis.call('SET', KEYS[2], fence, 'PX', 604800000)
return fence`;

/** KEYS: lock. ARGV: owner, milliseconds. */
export const renew = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** KEYS: lock. ARGV: channel, owner. */
export const release = `
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
${tell}
return 1`;
