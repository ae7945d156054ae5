-- Where the engine calls in: steps, chat, players who come and go, and the end.
local mod = ...
local core = core or minetest

-- Microseconds of a step that may be spent on answers of the runtime.
local BUDGET = 400

local HELP = "[npc_runtime] Characters cannot talk: this mod may not use the network. Add npc_runtime to "
	.. "secure.http_mods in minetest.conf, as README.md says, and start the game again."

-- For other mods: `npc_runtime.register_fact(teller)` and `npc_runtime.register_action(name, run)`; see README.md.
npc_runtime = {register_fact = mod.scene.register_fact, register_action = mod.actions.register}

core.register_globalstep(function(dtime)
	mod.now = mod.now + dtime
	if mod.http.available then
		mod.http.step()
		mod.attention.step()
		mod.talk.step(core.get_us_time() + BUDGET)
		mod.consent.step()
	end
end)

-- Chat is left to everybody: others near by read it, too.
core.register_on_chat_message(function(name, words)
	local player = core.get_player_by_name(name)
	if not player or words:sub(1, 1) == "/" or not words:find("%S") then
		return false
	end
	local person = mod.attention.addressed(player, words)
	if person and mod.http.available then
		mod.talk.said(name, person, words)
	elseif person then
		core.chat_send_player(name, HELP)
	end
	return false
end)

core.register_on_leaveplayer(function(player)
	local name = player:get_player_name()
	mod.talk.over(name)
	mod.attention.forget(name)
end)

core.register_on_shutdown(function()
	if mod.http.available then
		mod.talk.finish()
	end
end)

if not mod.http.available then
	core.log("warning", HELP)
end
