-- Makes one change where what is expected holds.
-- KEYS: the record, the names of its kind, what ends, the version.
-- ARGV: our version, now (ms), the name, its name among those that end, what is expected;
--       and of a put: the value, its end (ms, or nothing), how long Redis keeps it (ms, or nothing).
local version = redis.call('GET', KEYS[4])
if not version then
    redis.call('SET', KEYS[4], ARGV[1])
elseif (tonumber(version) or math.huge) > tonumber(ARGV[1]) then
    return {'newer', version}
end
local there = redis.call('GET', KEYS[1])
local revision
if there then
    local ends
    revision, ends = string.match(there, '^(%d+) (%-?%d*)\n')
    if not revision then
        return {'strange'}
    end
    if ends ~= '' and tonumber(ends) <= tonumber(ARGV[2]) then
        there, revision = false, nil
    end
end
local expected = ARGV[5]
if not (expected == 'anything' or expected == (there and revision or 'absent')) then
    return {'conflict', there}
end
if ARGV[6] then
    if ARGV[8] == '' then
        redis.call('SET', KEYS[1], ARGV[6])
    else
        redis.call('SET', KEYS[1], ARGV[6], 'PX', ARGV[8])
    end
    redis.call('ZADD', KEYS[2], 0, ARGV[3])
    if ARGV[7] == '' then
        redis.call('ZREM', KEYS[3], ARGV[4])
    else
        redis.call('ZADD', KEYS[3], ARGV[7], ARGV[4])
    end
else
    redis.call('DEL', KEYS[1])
    redis.call('ZREM', KEYS[2], ARGV[3])
    redis.call('ZREM', KEYS[3], ARGV[4])
end
return {'done'}
