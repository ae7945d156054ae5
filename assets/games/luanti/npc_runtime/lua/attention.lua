-- Who is meant: by name, by looking, or by standing near. And who is turned to without a word.
local mod = ...
local core = core or minetest
local attention = {}
mod.attention = attention

-- Nodes: how near one must be to be greeted, how much farther one is called by name, and how far one may walk off.
local GREETS, CALLS, LEAVES = 4, 2, 1.5
-- How much of the view somebody is looked at in: the cosine of the angle.
local LOOKS = 0.7
-- Seconds: between two looks for persons, between two looks at everything else, and after which a session nobody needs
-- is given back.
local EVERY, SEES, UNUSED = 0.5, 2, 120
local SHORTEST = 3

local function distance(player, person)
	return vector.distance(player:get_pos(), person.object:get_pos())
end

-- Whether the words name a person: by id, by name, or by one word of the name that is long enough.
local function called(person, words)
	local said = " " .. mod.text.folded(words):gsub("[%p%s]+", " ") .. " "
	local name = mod.text.folded(person.title)
	if said:find(" " .. mod.text.folded(person.character) .. " ", 1, true) or said:find(" " .. name .. " ", 1, true) then
		return true
	end
	for word in name:gmatch("[^%s%p]+") do
		if #word >= SHORTEST and said:find(" " .. word .. " ", 1, true) then
			return true
		end
	end
	return false
end

-- The person a player's words are for: one who is called, else the one they are turned to, else the nearest; or nil.
function attention.addressed(player, words)
	local best, best_rank
	local turned = (mod.talk.players[player:get_player_name()] or {}).turned
	for character, person in pairs(mod.persons) do
		local away = distance(player, person)
		local by_name = away <= mod.settings.hearing * CALLS and called(person, words)
		if by_name or away <= mod.settings.hearing then
			local rank = (by_name and 0 or 2000) + (character == turned and 0 or 1000) + away
			if not best_rank or rank < best_rank then
				best, best_rank = person, rank
			end
		end
	end
	return best
end

-- Turns a player to a person because they said so.
function attention.turn(name, person)
	mod.talk.turn(name, person)
	mod.tell(name, "Talk to " .. person.title .. " in the chat.")
end

local function looked_at(player, person)
	local direction = mod.walk.level(player:get_pos(), person.object:get_pos())
	local look = player:get_look_dir()
	local length = math.sqrt(look.x * look.x + look.z * look.z)
	return length > 0.01 and (look.x * direction.x + look.z * direction.z) / length >= LOOKS
end

-- Looks around for one player.
local function look(player)
	local name = player:get_player_name()
	local nearest, away
	for _, person in pairs(mod.persons) do
		local far = distance(player, person)
		if not away or far < away then
			nearest, away = person, far
		end
	end
	local hears = nearest and away <= mod.settings.hearing
	if not hears and not mod.talk.players[name] then
		return
	end
	local one = mod.talk.of(name)
	one.link.near = hears
	if hears then
		one.near_at, one.link.wanted = mod.now, true
	elseif mod.now - (one.near_at or mod.now) > UNUSED then
		return mod.talk.over(name)
	end
	one.near_at = one.near_at or mod.now
	local turned = mod.persons[one.turned or ""]
	if one.turned and (not turned or distance(player, turned) > mod.settings.hearing * LEAVES) then
		mod.talk.turn(name, nil)
		turned = nil
	end
	if nearest and nearest ~= turned and away <= GREETS and looked_at(player, nearest) then
		mod.talk.turn(name, nearest)
		turned = nearest
	end
	if (turned or hears) and mod.now - (one.looked_at or 0) >= SEES then
		mod.talk.look(one, turned or nearest)
	end
end

-- Player name → when to look around for them next.
local due = {}

-- Looks around for the player who has waited longest, if it is time: for one in a step.
function attention.step()
	local most, at
	for _, player in ipairs(core.get_connected_players()) do
		local when = due[player:get_player_name()] or 0
		if when <= mod.now and (not at or when < at) then
			most, at = player, when
		end
	end
	if most then
		due[most:get_player_name()] = mod.now + EVERY
		look(most)
	end
end

function attention.forget(name)
	due[name] = nil
end
