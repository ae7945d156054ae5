-- The smallest of games: ground, three things, a creature; and for the tests, the server's own state as JSON, orders
-- by chat, and how long steps take.

local function node(name, extra)
	local definition = {description = name, tiles = {"[combine:1x1^[noalpha^[colorize:#608040:255"}}
	for key, value in pairs(extra or {}) do
		definition[key] = value
	end
	core.register_node("npc_test:" .. name, definition)
	return "npc_test:" .. name
end

local ground = node("ground")
node("wall")
node("lamp", {paramtype = "light", light_source = 14})
for _, alias in ipairs({"stone", "water_source", "river_water_source"}) do
	core.register_alias("mapgen_" .. alias, ground)
end
core.register_biome({
	name = "green_meadow", node_top = ground, depth_top = 1, node_filler = ground, depth_filler = 1,
	heat_point = 50, humidity_point = 50,
})
-- A square in one colour, with a face of the mod under test in it.
local function picture(colour, face)
	return "npc_runtime_skin.png^[resize:8x8^[noalpha^[colorize:" .. colour .. ":255^[combine:8x8:-8,-8=npc_runtime_face_"
		.. face .. ".png"
end

core.register_craftitem("npc_test:apple", {description = "Apple", inventory_image = picture("#c03030", "happy")})
core.register_craftitem("npc_test:bread", {
	description = "Brötchen\nfresh", inventory_image = picture("#c09050", "neutral"),
})
core.register_craftitem("npc_test:coin", {description = "Coin", inventory_image = picture("#e0c020", "surprised")})
core.register_tool("npc_test:sword", {description = "Iron Sword", inventory_image = picture("#a0a8b0", "angry")})
core.register_entity("npc_test:sheep", {
	initial_properties = {physical = true, static_save = false, textures = {"npc_runtime_skin.png"}},
})

local state_path = core.get_worldpath() .. "/state.json"

local function things(inventory)
	local found = {}
	for _, stack in ipairs(inventory and inventory:get_list("main") or {}) do
		if not stack:is_empty() then
			found[stack:get_name()] = (found[stack:get_name()] or 0) + stack:get_count()
		end
	end
	return found
end

local function persons()
	local found = {}
	for _, entity in pairs(core.luaentities) do
		if entity.name == "npc_runtime:person" and entity.character and entity.object:get_pos() then
			local object = entity.object
			local properties = object:get_properties()
			found[entity.character] = {
				pos = object:get_pos(), yaw = object:get_yaw(), speed = vector.length(object:get_velocity()),
				nametag = properties.nametag, texture = properties.textures[1],
				goods = things(entity.goods), doing = entity.task and entity.task.kind or "nothing",
			}
		end
	end
	return found
end

local function players()
	local found = {}
	for _, player in ipairs(core.get_connected_players()) do
		found[player:get_player_name()] = {
			pos = player:get_pos(), hp = player:get_hp(), things = things(player:get_inventory()),
		}
	end
	return found
end

-- How long steps take (microseconds): of the whole Lua part, of the mod under test, and from one step to the next.
local steps = {}
local began, last_began, own

local function measured(step)
	return function(dtime)
		local start = core.get_us_time()
		step(dtime)
		own = own + core.get_us_time() - start
	end
end

core.register_on_mods_loaded(function()
	for index, step in ipairs(core.registered_globalsteps) do
		local origin = core.callback_origins[step]
		if origin and origin.mod == "npc_runtime" then
			core.registered_globalsteps[index] = measured(step)
		end
	end
	local person = core.registered_entities["npc_runtime:person"]
	if person then
		local step = person.on_step
		person.on_step = function(self, dtime, moved)
			local start = core.get_us_time()
			step(self, dtime, moved)
			own = (own or 0) + core.get_us_time() - start
		end
	end
	table.insert(core.registered_globalsteps, 1, function()
		last_began, began, own = began, core.get_us_time(), own or 0
	end)
	table.insert(core.registered_globalsteps, function()
		if last_began then
			steps[#steps + 1] = {began - last_began, core.get_us_time() - began, own}
		end
		own = 0
	end)
end)

local orders = 0

-- Written whole or not at all, so that who reads it never sees half of it.
core.register_globalstep(function()
	core.safe_file_write(state_path, core.write_json({
		persons = persons(), players = players(), time = core.get_timeofday(), max_lag = core.get_server_max_lag(),
		orders = orders,
	}))
end)

local ORDERS = {}

function ORDERS.go(player, x, y, z)
	player:set_pos({x = tonumber(x), y = tonumber(y), z = tonumber(z)})
end

function ORDERS.look(player, yaw)
	player:set_look_horizontal(math.rad(tonumber(yaw)))
	player:set_look_vertical(0)
end

function ORDERS.have(player, item, count)
	local inventory = player:get_inventory()
	inventory:set_list("main", {})
	for slot = 1, tonumber(count or 0) > 0 and 1 or 0 do
		inventory:set_stack("main", slot, ItemStack(item .. " " .. count))
	end
end

-- `part`: what a stack consists of that has room for more.
function ORDERS.full(player, item, part)
	local inventory = player:get_inventory()
	for slot = 1, inventory:get_size("main") do
		inventory:set_stack("main", slot, ItemStack(item .. " 99"))
	end
	if part then
		inventory:set_stack("main", 1, ItemStack(part .. " 3"))
	end
end

-- `marked`: the items have properties of their own.
function ORDERS.stock(_, character, item, count, marked)
	local inventory = core.get_inventory({type = "detached", name = "npc_runtime:" .. character})
	inventory:set_list("main", {})
	if item then
		local stack = ItemStack(item .. " " .. count)
		if marked then
			stack:get_meta():set_string("mark", marked)
		end
		inventory:add_item("main", stack)
	end
end

function ORDERS.time(_, value)
	core.set_timeofday(tonumber(value))
end

function ORDERS.hp(player, value)
	player:set_hp(tonumber(value))
end

function ORDERS.punch(player, character)
	for _, entity in pairs(core.luaentities) do
		if entity.character == character then
			entity.object:punch(player, 1, {full_punch_interval = 1, damage_groups = {fleshy = 1}}, {x = 0, y = 0, z = 1})
		end
	end
end

function ORDERS.click(player, character)
	for _, entity in pairs(core.luaentities) do
		if entity.character == character then
			entity:on_rightclick(player)
		end
	end
end

function ORDERS.sheep(player)
	core.add_entity(vector.add(player:get_pos(), {x = 0, y = 0.5, z = 3}), "npc_test:sheep")
end

function ORDERS.wall(_, x, z1, z2, height)
	for z = tonumber(z1), tonumber(z2) do
		for y = 9, 8 + tonumber(height) do
			core.set_node({x = tonumber(x), y = y, z = z}, {name = "npc_test:wall"})
		end
	end
end

-- Forgets how long steps took, or writes it down.
function ORDERS.measure(_, file)
	if file then
		core.safe_file_write(core.get_worldpath() .. "/" .. file, core.write_json(steps))
	end
	steps = {}
end

core.register_chatcommand("t", {
	func = function(name, line)
		local words = line:split(" ")
		ORDERS[table.remove(words, 1)](core.get_player_by_name(name), unpack(words))
		orders = orders + 1
		return true
	end,
})
