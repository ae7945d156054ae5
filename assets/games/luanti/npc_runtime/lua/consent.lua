-- Asks a player for consent, in a small window with two buttons.
local mod = ...
local core = core or minetest
local consent = {}
mod.consent = consent

local FORM = "npc_runtime:consent"
local PATIENCE = 20
-- Player name → {decide, until_}
local asked = {}

local function decide(name, allowed)
	local one = asked[name]
	if one then
		asked[name] = nil
		one.decide(allowed)
	end
end

-- Asks; `done(allowed)` is called once: true, false, or nil if there was no answer.
function consent.ask(name, question, done)
	if mod.settings.auto_allow then
		return done(true)
	elseif asked[name] then
		return done(nil)
	end
	asked[name] = {decide = done, until_ = mod.now + PATIENCE}
	core.show_formspec(name, FORM, table.concat({
		"formspec_version[4]size[8,3.2]",
		"textarea[0.4,0.4;7.2,1.5;;;", core.formspec_escape(question), "]",
		"button_exit[0.4,2.1;3.5,0.8;yes;Yes]button_exit[4.1,2.1;3.5,0.8;no;No]",
	}))
end

-- Those who do not answer have not agreed.
function consent.step()
	for name, one in pairs(asked) do
		if mod.now >= one.until_ then
			core.close_formspec(name, FORM)
			decide(name, nil)
		end
	end
end

core.register_on_player_receive_fields(function(player, form, fields)
	if form ~= FORM then
		return false
	end
	if fields.yes or fields.no or fields.quit then
		decide(player:get_player_name(), fields.yes ~= nil)
	end
	return true
end)

core.register_on_leaveplayer(function(player)
	decide(player:get_player_name(), nil)
end)
