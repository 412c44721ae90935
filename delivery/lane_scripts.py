"""What Redis does for a lane and its bucket (delivery/lanes.py): each one atomic step, by Redis' own clock."""

# The bucket is a hash: `tokens` at the instant `at`; `load`, grants of late, forgotten within seconds, that tell the
# rate of a lane without a limit; `slowed`, the rate that a throttle at `slowed_at` left; `turns`, until when turns are
# given out. All times are seconds of Redis' own clock, all rates per second; rate 0 is no limit.
_BUCKET = """
local limit, burst, recovery, memory = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local function read(field) return tonumber(redis.call('HGET', KEYS[1], field) or '') end
local function write(field, value) redis.call('HSET', KEYS[1], field, string.format('%.6f', value)) end
local function keep(answer) redis.call('PEXPIRE', KEYS[1], memory * 1000) return answer end
local passed = math.max(0, now - (read('at') or now))
local load = (read('load') or 0) * math.exp(-passed / burst)
local rate, slowed = limit, read('slowed')
if slowed then
  local recovered = slowed * 2 ^ math.floor(math.max(0, now - read('slowed_at')) / recovery)
  if limit > 0 then rate = math.min(limit, recovered) else rate = recovered end
end
local room = math.max(1, rate * burst)
local tokens = math.min(room, (read('tokens') or room) + passed * rate)
"""

GRANT = (
    _BUCKET
    + """
local wanted = tonumber(ARGV[5])
local granted = wanted
if rate > 0 then
  granted = math.min(wanted, math.floor(tokens))
  write('tokens', tokens - granted)
end
write('load', load + granted)
write('at', now)
return keep(granted)
"""
)

SLOW_DOWN = (
    _BUCKET
    + """
local one_throttle = tonumber(ARGV[5])
if slowed and math.abs(now - read('slowed_at')) < one_throttle then return 0 end
if rate == 0 then rate = load / burst end
write('slowed', math.max(1, rate / 2))
write('slowed_at', now)
write('tokens', 0)
write('load', load)
write('at', now)
return keep(1)
"""
)

# Answers milliseconds.
TURN = (
    _BUCKET
    + """
local count, longest = tonumber(ARGV[5]), tonumber(ARGV[6])
if rate == 0 then return 0 end
local turn = math.min(math.max(now, read('turns') or now) + count / rate, now + longest)
write('turns', turn)
return keep(math.ceil((turn - now) * 1000))
"""
)

# Answers a rate, or nothing for a lane that is as fast as it was. Without a limit nobody knows how fast that is: four
# doublings without another throttle are taken for it.
SLOWED = (
    _BUCKET
    + """
local is_slow = slowed and (limit > 0 and rate < limit or limit == 0 and now - read('slowed_at') < 4 * recovery)
return is_slow and string.format('%.3f', rate)
"""
)

# A lane that a provider's throttle has closed stays so: what it takes meanwhile had left before.
OPEN = """
local opened = redis.call('DEL', KEYS[1])
if redis.call('GET', KEYS[2]) == 'outage' then opened = opened + redis.call('DEL', KEYS[2]) end
return opened
"""

PER_SECOND = _BUCKET + "return string.format('%.3f', load / burst)"
