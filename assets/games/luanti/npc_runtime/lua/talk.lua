-- Players and what they talk about: each has a session of their own with the runtime; the persons are for everybody.
local mod = ...
local core = core or minetest
local talk = {}
mod.talk = talk

-- The save in which the runtime keeps what the characters of this world remember. Worlds are told apart by a name.
local SLOT = "world"
-- Turns that are known for a while after their end: actions that the player is asked about come late.
local TURNS = 20
local BYE = 1 -- seconds that a server that stops waits for the last save
-- Player name → what is known of them.
local players = {}
talk.players = players
-- Whether the runtime has gone back to this world's save since the server started; only one session may ask for it.
local restored, restoring = false, nil
local unsaved, saved_at = false, 0

-- Says something to one player that no character says.
function mod.tell(name, words)
	core.chat_send_player(name, "[npc-runtime] " .. words)
end

local function world()
	local id = mod.storage:get_string("world")
	if id == "" then
		id = ("%d-%d"):format(os.time(), core.get_us_time() % 1000000)
		mod.storage:set_string("world", id)
	end
	local name = core.get_worldpath():gsub("[/\\]+$", ""):match("[^/\\]+$") or "world"
	return ("Luanti world %s (%s)"):format(mod.text.valid(name), id)
end

local function greeting(one)
	local save
	if not restored then
		restoring = one
		save = mod.storage:get_int("saved") == 1 and SLOT or nil
	end
	return {
		type = "hello", protocol = 1, client = {name = world(), version = "npc_runtime for Luanti 1"},
		player = {id = one.name, name = one.name}, audio = {out = mod.settings.voice and "device" or "none"},
		visemes = "rhubarb", save = save,
	}
end

local PROBLEMS = {
	away = "Nobody can answer yet: the program npc-runtime is not running. Start it with: npc-runtime serve",
	token = "npc-runtime wants a token: set npc_runtime.token to its server.token.",
	full = "Too many players talk with characters at the moment. Try again later.",
	refused = "npc-runtime did not let this game in; the log of the server tells more.",
}

-- Tells once what is wrong, to somebody who is waiting for an answer.
local function complain(one)
	if one.problem and one.waits and not one.told then
		one.told, one.waits = true, false
		mod.tell(one.name, PROBLEMS[one.problem])
	end
end

local function lost(one, reason)
	one.turns, one.done, one.scene = {}, {}, {}
	one.problem = PROBLEMS[reason] and reason or nil -- one that just ended is opened again
	if restoring == one then
		restoring = nil
	end
	for _, person in pairs(mod.persons) do
		if person.reply == nil and person.shown == "…" and person.partner == one.name then
			person:show("")
		end
	end
	complain(one)
end

local function opened(one, welcome)
	if restoring == one then
		restored, restoring = true, nil
	end
	one.problem, one.told = nil, false
	for _, character in ipairs(type(welcome.characters) == "table" and welcome.characters or {}) do
		local person = type(character) == "table" and mod.persons[character.id or ""]
		if person and type(character.name) == "string" then
			person:rename(mod.text.plain(character.name))
		end
	end
	one.scene = {}
	local person = mod.persons[one.turned or ""]
	if person then
		talk.look(one, person)
		one.link:send({type = "talk.start", character = person.character})
	end
end

-- Shows words of a person to those who are near enough, and to the one they are for.
local function aloud(person, one, words)
	local pos = person.object:get_pos()
	for _, player in ipairs(core.get_connected_players()) do
		local name = player:get_player_name()
		if name == one.name or vector.distance(pos, player:get_pos()) <= mod.settings.hearing then
			core.chat_send_player(name, words)
		end
	end
end

local ON = {}

ON["turn.begin"] = function(one, message)
	one.turns[message.turn] = {character = message.character, words = message.reply_to or ""}
end

ON["turn.end"] = function(one, message)
	local turn = one.turns[message.turn]
	local person = turn and mod.persons[turn.character]
	if person and person.shown == "…" then
		person:show("")
	end
	one.turns[message.turn - TURNS] = nil
	unsaved = true
end

function ON.state(one, message)
	local person = mod.persons[message.character]
	if person and message.stage == "thinking" then
		person:ponder()
	end
	if message.stage == "idle" then
		one.link:relax()
	else
		one.link:expect()
	end
end

function ON.emotion(_, message)
	local person = mod.persons[message.character]
	if person then
		person:feel(message.label, message.strength)
	end
end

function ON.say(one, message)
	local turn = one.turns[message.turn]
	local person = turn and mod.persons[turn.character]
	if not person or type(message.text) ~= "string" then
		return
	end
	one.waits = false
	one.link:expect()
	person:say(message.text, one.name .. message.turn)
	if not message.filler then
		aloud(person, one, "<" .. person.title .. "> " .. message.text)
	end
end

function ON.narration(one, message)
	local turn = one.turns[message.turn]
	local person = turn and mod.persons[turn.character]
	if person then
		aloud(person, one, "* " .. person.title .. ": " .. tostring(message.text))
	end
end

function ON.action(one, message)
	local turn, link = one.turns[message.turn] or {}, one.link
	local generation = link.generation
	local deed = {
		person = mod.persons[turn.character or ""], player = core.get_player_by_name(one.name), name = one.name,
		args = type(message.args) == "table" and message.args or {}, words = turn.words or "",
	}
	local function answer(reply)
		if link.generation == generation then
			link:send(reply)
		end
	end
	if message.needs_confirm then
		return mod.actions.permit(message, deed, function(allowed)
			answer({type = "action.confirm", id = message.id, allow = allowed})
		end)
	elseif one.done[message.id] then
		return
	end
	one.done[message.id] = true
	mod.actions.run(message, deed, function(status, words, result)
		answer({type = "action.result", id = message.id, status = status, message = words, result = result})
	end)
end

function ON.saved()
	mod.storage:set_int("saved", 1)
end

function ON.error(one, message)
	core.log("info", "[npc_runtime] " .. tostring(message.code) .. ": " .. tostring(message.message))
	if message.code == "no_character" and one.waits then
		one.waits = false
		mod.tell(one.name, tostring(message.message) .. " " .. tostring(message.hint or ""))
	end
end

local function hear(one, message)
	local act = ON[message.type]
	if act then
		act(one, message)
	end
end

-- What is known of a player who is here; made when it is needed.
function talk.of(name)
	local one = players[name]
	if not one then
		one = {name = name, turns = {}, done = {}, scene = {}}
		one.link = mod.new_link({
			hello = function() return greeting(one) end,
			opened = function(welcome) opened(one, welcome) end,
			message = function(message) hear(one, message) end,
			lost = function(reason) lost(one, reason) end,
		})
		players[name] = one
	end
	return one
end

-- What is due for one player; sessions are opened one at a time until the world's save is there.
local function work(one)
	if one.link.state ~= "closed" or not restoring then
		one.link:step()
	end
end

-- Sends what has changed around a player since they were asked last.
function talk.look(one, person)
	local player = core.get_player_by_name(one.name)
	if not player or one.link.state ~= "open" then
		return
	end
	one.looked_at = mod.now
	local first = next(one.scene) == nil
	local changed = mod.scene.changes(mod.scene.around(player, person), one.scene)
	if changed then
		changed.type = first and "scene" or "scene.update"
		one.link:send(changed)
	end
end

-- A player says something to a person.
function talk.said(name, person, words)
	local one = talk.of(name)
	one.waits, person.partner = true, name
	one.link.wanted = true
	talk.look(one, person)
	one.link:send({type = "player.text", text = mod.text.short(words, 1000), to = person.character}, true)
	work(one) -- now, not in the next step of the server: that is a tenth of a second away
	complain(one)
end

-- Something happens to a person that concerns a player.
function talk.happened(name, person, event, params)
	local one = players[name]
	if one and one.link.state == "open" then
		talk.look(one, person)
		one.link:send({type = "game.event", name = event, params = next(params) and params or nil, to = person.character})
	end
end

-- A player turns to a person, or (nil) away from whoever it was.
function talk.turn(name, person)
	local one = talk.of(name)
	local character = person and person.character
	if one.turned == character then
		return
	end
	if one.turned then
		one.link:send({type = "talk.stop", character = one.turned})
	end
	one.turned = character
	if person then
		person.partner = name
		one.link.wanted = true
		if one.link.state == "open" then
			talk.look(one, person)
			one.link:send({type = "talk.start", character = character})
		end
	end
end

-- A player is gone, or has been away from everybody for long.
function talk.over(name)
	local one = players[name]
	if one then
		players[name] = nil
		if restoring == one then
			restoring = nil
		end
		-- Nobody may be left who could ask for it when it is due.
		if unsaved and one.link.state == "open" then
			unsaved, saved_at = false, mod.now
			one.link:send({type = "save", slot = SLOT})
		end
		one.link:close()
	end
end

-- What is due in this step: everybody's requests, and answers for as long as `deadline` (microseconds) allows.
function talk.step(deadline)
	for _, one in pairs(players) do
		work(one)
	end
	local found = true
	while found do
		found = false
		for _, one in pairs(players) do
			found = one.link:read() or found
			if core.get_us_time() > deadline then
				return
			end
		end
	end
	if unsaved and mod.now - saved_at > mod.settings.save_seconds then
		unsaved, saved_at = false, mod.now
		for _, one in pairs(players) do
			if one.link.state == "open" then
				one.link:send({type = "save", slot = SLOT}) -- one session saves for all of the world
				return
			end
		end
	end
end

-- The server stops: keep what the characters remember, and say goodbye.
function talk.finish()
	local requests = {}
	for _, one in pairs(players) do
		if one.link.state == "open" then
			local last = {{type = "bye"}}
			if #requests == 0 then
				table.insert(last, 1, {type = "save", slot = SLOT})
			end
			requests[#requests + 1] = {method = "POST", path = one.link.path .. "/messages", body = mod.json(last)}
		end
	end
	if mod.http.finish(requests, BYE)[1] == 202 then
		mod.storage:set_int("saved", 1)
	end
end
