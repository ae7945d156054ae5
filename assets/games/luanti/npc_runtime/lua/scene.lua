-- What is around a player and the person they talk to, as the runtime wants to know it.
local mod = ...
local core = core or minetest
local scene = {}
mod.scene = scene

local DAY = 86400
-- Seconds of the game's time that make no difference to anybody, nodes that do not, and how many things are told.
local MOMENT, STEP, MOST = 600, 8, 24
local NEAR = 16
local DARK = 4

local PARTS_OF_DAY = {
	{5, "night"}, {8, "early morning"}, {12, "morning"}, {17, "afternoon"}, {21, "evening"}, {24, "night"},
}

-- Functions of other mods that tell something, such as the weather; see README.md.
local tellers = {}

-- `teller(player, pos)` returns a sentence, or nil.
function scene.register_fact(teller)
	tellers[#tellers + 1] = teller
end

local function location(pos)
	local data = core.get_biome_data(pos)
	local biome = data and core.get_biome_name(data.biome)
	local place = {}
	for index, axis in ipairs({"x", "y", "z"}) do
		place[index] = ("%d"):format(math.floor(pos[axis] / STEP + 0.5) * STEP)
	end
	biome = biome and biome ~= "default" and biome:gsub("_", " ") or "open country"
	return biome .. " around " .. table.concat(place, ", ")
end

local function round(distance)
	return math.floor(distance + 0.5)
end

local function facts(player, person, pos)
	local hour, told = core.get_timeofday() * 24, {}
	for _, part in ipairs(PARTS_OF_DAY) do
		if hour < part[1] then
			told[1] = "It is " .. part[2] .. "."
			break
		end
	end
	local light = core.get_node_light({x = pos.x, y = pos.y + 1, z = pos.z})
	if light and light <= DARK then
		told[#told + 1] = "It is dark here."
	end
	local name, held = player:get_player_name(), player:get_wielded_item()
	told[#told + 1] = held:is_empty() and name .. " holds nothing." or name .. " holds " .. mod.goods.name(held) .. "."
	local highest = player:get_properties().hp_max or 20
	if player:get_hp() <= highest * 0.4 then
		told[#told + 1] = name .. " is badly hurt."
	end
	if person.task and person.task.kind == "follow" then
		told[#told + 1] = person.title .. " walks with " .. person.task.player .. "."
	end
	for _, teller in ipairs(tellers) do
		local ok, fact = pcall(teller, player, pos)
		if ok and type(fact) == "string" then
			told[#told + 1] = mod.text.short(mod.text.valid(fact), 200)
		end
	end
	return told
end

-- Things that can be given and taken: one entity for each item, whoever has it.
local function items(player, person, found)
	local known = {}
	local function add(one, tag)
		local entity = known[one.item]
		if not entity and #found < MOST then
			entity = {id = one.item, name = one.name, tags = {}}
			known[one.item] = entity
			found[#found + 1] = entity
		end
		if entity then
			entity.tags[#entity.tags + 1] = tag
		end
	end
	for _, one in ipairs(mod.goods.list(person.goods)) do
		add(one, "goods")
	end
	local held = player:get_wielded_item()
	if not held:is_empty() then
		add({item = held:get_name(), name = mod.goods.name(held)}, "wielded")
	end
	for _, one in ipairs(mod.goods.list(player:get_inventory())) do
		add(one, "held")
	end
end

-- Whom and what one sees: other characters and players, and the things that move about.
local function beings(player, person, pos)
	local characters, entities = {}, {}
	for character, other in pairs(mod.persons) do
		local distance = vector.distance(pos, other.object:get_pos())
		if distance <= NEAR then
			characters[#characters + 1] = {
				id = character, name = other.title, distance = round(distance),
				can_hear = distance <= mod.settings.hearing, looking_at_player = other == person,
			}
		end
	end
	for _, object in ipairs(core.get_objects_inside_radius(pos, NEAR)) do
		local distance, entity = round(vector.distance(pos, object:get_pos())), object:get_luaentity()
		if object:is_player() and object ~= player then
			local name = object:get_player_name()
			characters[#characters + 1] = {id = "player:" .. name, name = name, distance = distance}
		elseif entity and entity.character == nil and #entities < MOST then
			local name = entity.name or ""
			local label = name == "__builtin:item" and mod.goods.name(ItemStack(entity.itemstring or ""))
				or mod.text.plain(entity.description or name:gsub("^.*:", ""):gsub("_", " "))
			entities[#entities + 1] = {
				id = label .. " nearby", name = label, distance = distance,
				tags = {name == "__builtin:item" and "lying" or "creature"},
			}
		end
	end
	local function order(one, other)
		return one.distance == other.distance and one.id < other.id or one.distance < other.distance
	end
	table.sort(characters, order)
	table.sort(entities, order)
	return characters, entities
end

-- What `player` and `person` see now: the parts of a `scene` message.
function scene.around(player, person)
	local pos = person.object:get_pos()
	local characters, entities = beings(player, person, pos)
	local time = (core.get_day_count() + core.get_timeofday()) * DAY
	local things, once = {}, {}
	items(player, person, things)
	for _, entity in ipairs(entities) do -- three sheep are a sheep, the nearest one
		if not once[entity.id] then
			once[entity.id] = true
			things[#things + 1] = entity
		end
	end
	return {
		location = location(pos),
		time = math.floor(time / MOMENT) * MOMENT,
		facts = facts(player, person, pos),
		entities = things,
		characters = characters,
	}
end

-- What has changed since `known` (part → its JSON), which is brought up to date; nil if nothing has.
function scene.changes(now, known)
	local changed
	for part, value in pairs(now) do
		local written = mod.json(value)
		if known[part] ~= written then
			known[part] = written
			changed = changed or {}
			changed[part] = value
		end
	end
	return changed
end
