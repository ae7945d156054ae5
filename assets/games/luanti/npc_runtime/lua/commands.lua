-- What is typed with a slash: placing characters in the world.
local mod = ...
local core = core or minetest

core.register_privilege("npc", {description = "May place characters in the world", give_to_singleplayer = true})

local REACH = 20

-- Those of a list that are what the runtime says they are.
local function characters_of(list)
	local found = {}
	for _, one in ipairs(type(list) == "table" and list or {}) do
		if type(one) == "table" and type(one.id) == "string" and type(one.name) == "string" then
			found[#found + 1] = one
		end
	end
	return found
end

-- Calls `done` with the characters of the runtime: a list of {id, name}, or nil if it does not answer.
local function ask(done)
	if not mod.http.available then
		return done(nil)
	end
	mod.http.request("GET", "/v1/characters", nil, 5, function(code, data)
		local found = code == 200 and mod.parse(data)
		done(found and characters_of(found.characters) or nil)
	end)
end

local function ids(characters)
	local list = {}
	for index, one in ipairs(characters) do
		list[index] = one.id
	end
	return table.concat(list, ", ")
end

local function place(name, id, shown)
	local player = core.get_player_by_name(name)
	if not player then
		return
	end
	local pos, look = player:get_pos(), player:get_look_dir()
	local there = {x = pos.x + look.x * 2, y = pos.y + 0.5, z = pos.z + look.z * 2}
	local node = core.registered_nodes[core.get_node(there).name]
	if not node or node.walkable then
		there = {x = pos.x, y = pos.y + 0.5, z = pos.z}
	end
	local person = mod.place(id, shown, there, core.dir_to_yaw({x = -look.x, y = 0, z = -look.z}))
	mod.tell(name, person and shown .. " is here." or "There is no place for " .. shown .. " here.")
end

local function spawn(name, id)
	ask(function(characters)
		if not characters then
			mod.tell(name, "npc-runtime does not answer; " .. id .. " will be able to talk once it runs.")
			return place(name, id, id)
		end
		for _, one in ipairs(characters) do
			if one.id == id then
				return place(name, id, mod.text.plain(one.name))
			end
		end
		mod.tell(name, "There is no character " .. id .. ". There is: " .. ids(characters))
	end)
end

local function nearest(name)
	local player, best, away = core.get_player_by_name(name), nil, REACH
	for _, person in pairs(player and mod.persons or {}) do
		local far = vector.distance(player:get_pos(), person.object:get_pos())
		if far < away then
			best, away = person, far
		end
	end
	return best, player
end

core.register_chatcommand("npc_spawn", {
	params = "<character>",
	description = "Places a character of npc-runtime in front of you",
	privs = {npc = true},
	func = function(name, param)
		local id = param:match("^%s*(%S+)%s*$")
		if id then
			spawn(name, mod.text.short(id, 64))
			return true
		end
		ask(function(characters)
			mod.tell(name, characters and "There is: " .. ids(characters) or "npc-runtime does not answer.")
		end)
		return true
	end,
})

core.register_chatcommand("npc_remove", {
	description = "Removes the character next to you from the world",
	privs = {npc = true},
	func = function(name)
		local person = nearest(name)
		if not person then
			return false, "Nobody is near."
		end
		mod.remove(person)
		return true, person.title .. " is gone."
	end,
})

core.register_chatcommand("npc_stock", {
	description = "Hands what you hold to the character next to you, to give or to sell",
	privs = {npc = true},
	func = function(name)
		local person, player = nearest(name)
		local held = person and player:get_wielded_item()
		if not person or held:is_empty() then
			return false, "Hold something, and stand near a character."
		end
		player:set_wielded_item(person.goods:add_item("main", held))
		return true, person.title .. " has it now."
	end,
})
