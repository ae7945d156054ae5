-- What characters do. Every action gets exactly one result: done, failed, or refused by the player.
local mod = ...
local core = core or minetest
local actions = {}
mod.actions = actions

local FAR = 40

-- The thing that is meant: the one that was named, else the one in the player's words, else the only or first one.
local function meant(list, id, words)
	for _, one in ipairs(list) do
		if one.item == id then
			return one
		end
	end
	if id then
		return nil
	end
	return mod.goods.named(list, words) or list[1]
end

local function count_of(args)
	return math.max(1, math.min(99, math.floor(tonumber(args.count) or 1)))
end

local function reachable(player, person)
	return vector.distance(player:get_pos(), person.object:get_pos()) <= FAR
end

-- Action name → function(deed, done). `deed`: person, player, name, args, words. `done(status, message, result)`.
local DO = {}

function DO.follow_player(deed, done)
	if not reachable(deed.player, deed.person) then
		return done("failed", deed.name .. " is too far away.")
	end
	mod.walk.start(deed.person, "follow", deed.name)
	done("done", deed.person.title .. " walks with " .. deed.name .. ".")
end

function DO.stop_following(deed, done)
	local walked = deed.person.task ~= nil
	mod.walk.stop(deed.person)
	done("done", deed.person.title .. (walked and " stands still now." or " was standing still already."))
end

function DO.give_item(deed, done)
	local one = meant(mod.goods.list(deed.person.goods), deed.args.item, deed.words)
	if not one then
		return done("failed", deed.person.title .. " does not have that.")
	end
	local moved, why = mod.goods.move(one.item, count_of(deed.args), deed.person.goods, deed.player:get_inventory())
	if moved == 0 then
		return done("failed", why == "gone" and deed.person.title .. " has none left."
			or deed.name .. " cannot carry more.")
	end
	done("done", deed.name .. " got " .. mod.goods.amount(one.item, moved) .. ".", moved)
end

function DO.take_item(deed, done)
	local one = meant(mod.goods.list(deed.player:get_inventory()), deed.args.item, deed.words)
	if not one then
		return done("failed", deed.name .. " does not have that.")
	end
	local count = count_of(deed.args)
	local amount = mod.goods.amount(one.item, count)
	mod.consent.ask(deed.name, deed.person.title .. " asks for: " .. amount .. ". Hand it over?", function(allowed)
		local player = core.get_player_by_name(deed.name) -- time has passed
		if not player or not mod.persons[deed.person.character] then
			return done("failed", deed.name .. " is not here any more.")
		elseif not allowed then
			return done("refused", deed.name .. (allowed == nil and " gave no answer." or " keeps it."))
		end
		local moved, why = mod.goods.move(one.item, count, player:get_inventory(), deed.person.goods)
		if moved == 0 then
			return done("failed", why == "gone" and deed.name .. " does not have it any more."
				or deed.person.title .. " cannot carry more.")
		end
		done("done", deed.person.title .. " got " .. mod.goods.amount(one.item, moved) .. ".", moved)
	end)
end

function DO.open_trade(deed, done)
	local shown, why = mod.trade.show(deed.player, deed.person)
	done(shown and "done" or "failed", why or deed.name .. " sees what " .. deed.person.title .. " sells.")
end

function DO.flee(deed, done)
	mod.walk.start(deed.person, "flee", deed.name)
	done("done", deed.person.title .. " runs away from " .. deed.name .. ".")
end

function DO.attack(deed, done)
	if not mod.settings.damage then
		return done("refused", "Nobody can be hurt in this world.")
	elseif not reachable(deed.player, deed.person) then
		return done("failed", deed.name .. " is too far away.")
	end
	mod.walk.start(deed.person, "attack", deed.name)
	done("done", deed.person.title .. " strikes at " .. deed.name .. ".")
end

-- For other mods: what else characters can do in their game. `run(deed, done)` as above.
function actions.register(name, run)
	DO[name] = run
end

-- Whether an action that asks may be done. `done(allowed)` is called once.
function actions.permit(message, deed, done)
	if message.name == "attack" then
		return done(mod.settings.damage)
	elseif message.name == "take_item" then
		return done(true) -- the player is asked when it comes to that
	elseif not deed.person or not deed.player then
		return done(false)
	end
	local what = message.name:gsub("_", " ")
	mod.consent.ask(deed.name, deed.person.title .. " wants to do this: " .. what .. ". Agreed?", function(allowed)
		done(allowed == true)
	end)
end

-- Does an action. `done(status, message, result)` is called once, now or later.
function actions.run(message, deed, done)
	local answered = false
	local function once(...)
		if not answered then
			answered = true
			done(...)
		end
	end
	local run = DO[message.name]
	if not run then
		return once("failed", "This game does not know the action " .. tostring(message.name) .. ".")
	elseif not deed.person or not deed.player then
		return once("failed", "Whoever it concerns is not here any more.")
	end
	if not mod.safely(run, deed, once) then
		once("failed", "Something went wrong.")
	end
end
