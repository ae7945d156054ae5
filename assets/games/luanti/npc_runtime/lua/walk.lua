-- Walking: after somebody, away from somebody, or at somebody. A person does one of these or stands.
local mod = ...
local core = core or minetest
local walk = {}
mod.walk = walk

local GRAVITY = -9.81
local SPEED = {follow = 4, flee = 5, attack = 4.5}
-- Nodes: how near one comes, how far one is left behind, how deep one steps down, and how far a way is looked for.
local NEAR = {follow = 2.5, attack = 1.8}
local LOST, DEEP, SEARCH = 48, 3, 10
local FLEES, SAFE, FIGHTS = 8, 20, 12
local BLOW_EVERY = 1
-- A way is looked for only now and then, and by one person at a time: it is the only thing here that takes long.
local SEARCH_EVERY = 1.5
local TURN = math.rad(50)
local searched_at = 0

function walk.prepare(person)
	person.object:set_acceleration({x = 0, y = GRAVITY, z = 0})
end

-- Begins to do something. `kind`: follow, flee or attack; `player`: name of the other one.
function walk.start(person, kind, player)
	person.task = {kind = kind, player = player, since = mod.now, stuck = 0, turned = 0, way = nil, struck = 0}
end

function walk.stop(person)
	person.task = nil
	walk.go(person, nil, 0)
end

-- Walks in a direction (level, of length 1) with a speed, and looks there.
function walk.go(person, direction, speed)
	local object = person.object
	local velocity = object:get_velocity()
	if not velocity then
		return
	end
	if not direction then
		if velocity.x ~= 0 or velocity.z ~= 0 then
			object:set_velocity({x = 0, y = velocity.y, z = 0})
		end
		return
	end
	object:set_velocity({x = direction.x * speed, y = velocity.y, z = direction.z * speed})
	object:set_yaw(core.dir_to_yaw(direction))
end

local function level(from, to)
	local x, z = to.x - from.x, to.z - from.z
	local length = math.sqrt(x * x + z * z)
	if length < 0.01 then
		return {x = 1, y = 0, z = 0}, 0
	end
	return {x = x / length, y = 0, z = z / length}, length
end
walk.level = level

local function solid(pos)
	local definition = core.registered_nodes[core.get_node(pos).name]
	return not definition or definition.walkable
end

local function harmful(pos)
	local definition = core.registered_nodes[core.get_node(pos).name]
	return definition and (definition.damage_per_second or 0) > 0
end

-- Whether one can step there without a deep fall or harm.
local function safe(pos, direction)
	local ahead = {x = pos.x + direction.x * 0.9, y = pos.y + 0.5, z = pos.z + direction.z * 0.9}
	for depth = -1, DEEP do
		local place = {x = ahead.x, y = ahead.y - depth, z = ahead.z}
		if harmful(place) then
			return false
		elseif depth > 0 and solid(place) then
			return true
		end
	end
	return false
end

local function turned(direction, angle)
	local sine, cosine = math.sin(angle), math.cos(angle)
	return {x = direction.x * cosine - direction.z * sine, y = 0, z = direction.x * sine + direction.z * cosine}
end

-- The direction of the next step of a way around what is between; nil where there is none.
local function around(task, pos, goal)
	while task.way and task.way[1] do
		local direction, length = level(pos, task.way[1])
		if length > 0.4 then
			return direction
		end
		table.remove(task.way, 1)
	end
	task.way = nil
	if task.stuck >= 3 and mod.now - searched_at > SEARCH_EVERY and mod.now - (task.searched or 0) > SEARCH_EVERY then
		searched_at, task.searched, task.stuck = mod.now, mod.now, 0
		task.way = core.find_path(
			vector.round(vector.add(pos, {x = 0, y = 0.5, z = 0})), vector.round(goal), SEARCH, 1, DEEP, "A*_noprefetch")
	end
	return nil
end

local function noticed(task, pos)
	local before = task.before
	task.before = pos
	task.stuck = before and vector.distance(before, pos) < 0.15 and task.stuck + 1 or 0
end

local function approach(person, task, pos, goal)
	local direction, length = level(pos, goal)
	if length <= NEAR[task.kind] then
		task.way, task.before, task.stuck = nil, nil, 0
		walk.go(person, nil, 0)
		person:face(goal)
		return true
	end
	noticed(task, pos)
	direction = around(task, pos, goal) or direction
	if safe(pos, direction) then
		walk.go(person, direction, SPEED[task.kind])
	else
		task.stuck = math.max(task.stuck, 3)
		walk.go(person, nil, 0)
	end
	return false
end

local function escape(person, task, pos, from)
	noticed(task, pos)
	local away = level(from, pos)
	if task.stuck >= 2 then
		task.turned, task.stuck = task.turned + TURN, 0
	end
	for _ = 1, 7 do
		local direction = turned(away, task.turned)
		if safe(pos, direction) then
			walk.go(person, direction, SPEED.flee)
			return
		end
		task.turned = task.turned + TURN
	end
	walk.go(person, nil, 0)
end

local function strike(person, task, player)
	if mod.now - task.struck >= BLOW_EVERY then
		task.struck = mod.now
		player:punch(person.object, BLOW_EVERY, {
			full_punch_interval = BLOW_EVERY, damage_groups = {fleshy = mod.settings.blow},
		}, (level(person.object:get_pos(), player:get_pos())))
	end
end

-- The next moment of what a person does.
function walk.think(person)
	local task = person.task
	local player = core.get_player_by_name(task.player)
	local pos, goal = person.object:get_pos(), player and player:get_pos()
	local far = goal and vector.distance(pos, goal)
	if not far or far > LOST or player:get_hp() <= 0 then
		walk.stop(person)
	elseif task.kind == "follow" then
		approach(person, task, pos, goal)
	elseif task.kind == "flee" then
		if far > SAFE or mod.now - task.since > FLEES then
			walk.stop(person)
		else
			escape(person, task, pos, goal)
		end
	elseif mod.now - task.since > FIGHTS then
		walk.stop(person)
	elseif approach(person, task, pos, goal) and math.abs(goal.y - pos.y) < 2 then
		strike(person, task, player)
	end
end
