-- Removes a record that has ended, and what is left of one that Redis has removed. Returns how many that were.
-- KEYS: the record, the names of its kind, what ends, the version.
-- ARGV: our version, now (ms), the name, its name among those that end.
local version = redis.call('GET', KEYS[4])
if version and (tonumber(version) or math.huge) > tonumber(ARGV[1]) then
    return {'newer', version}
end
local ends = redis.call('ZSCORE', KEYS[3], ARGV[4])
if not ends or tonumber(ends) > tonumber(ARGV[2]) then
    return 0
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('ZREM', KEYS[3], ARGV[4])
return 1
